"""More Python prompts for a notebook, for the walkthrough as docs/walkthrough.ipynb.

``%load_ext exercises.prompts`` makes ``%%prompt two`` known: a cell that begins with it is typed at
another Python prompt, a process of its own. ``%%prompt two --endless`` is for a cell that has no
end: it goes on beside the others, and shows below itself what it prints, until the next cell of the
same prompt presses Ctrl-C. ``%kafka`` starts a Kafka, unless there is one.

The one idea to take away: a prompt is a process. What is said at one reaches the other by way of
Kafka only.
"""

import ast
import atexit
import queue
import re
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

__all__ = ['PROMPTS', 'Prompt', 'PromptError', 'load_ipython_extension']

LINES = 30  # as many of the last lines are shown
PATIENCE = 15.0  # seconds until a prompt must have heard Ctrl-C
FIRST_WORDS = 1.0  # seconds that an endless cell has to print something, before the next cell
COLOURS = re.compile(r'\x1b\[[\d;]*m')

Message = dict[str, Any]


class PromptError(Exception):
    """A cell failed at its prompt, whose traceback is shown already."""

    def _render_traceback_(self) -> list[str]:  # what IPython shows
        return [str(self)]


class Prompt:
    """A Python prompt, a process of its own.

    Args:
        name: what the notebook calls it.
    """

    def __init__(self, name: str) -> None:
        from jupyter_client.manager import start_new_kernel

        self.name = name
        self.output = ''  # of the last cell
        self.failure = ''  # how it failed, if it did
        self._kernel, self._client = start_new_kernel(kernel_name='python3')
        self._listener: threading.Thread | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a cell goes on here."""
        return bool(self._listener and self._listener.is_alive())

    def run(self, source: str, endless: bool = False) -> None:
        """Type a cell, and wait for its end; of an endless one, until its last statement runs."""
        from IPython.display import display

        self.interrupt()
        self.output, self.failure = '', ''
        shown = display({'text/plain': ''}, raw=True, display_id=True)
        parts = _but_the_last(source) if endless else [source]
        for part in parts:
            if self.failure:
                break
            self._listener = threading.Thread(
                target=self._listen, args=(self._client.execute(part), shown), daemon=True
            )
            self._listener.start()
            if endless and part is parts[-1]:
                self._wait_for_first_words()
            else:
                self._wait_for_end()
        if self.failure:
            raise PromptError(f'{self.failure} (at prompt {self.name})')

    def interrupt(self) -> None:
        """Ctrl-C, if a cell goes on here."""
        if self._listener and self._listener.is_alive():
            self._kernel.interrupt_kernel()
            self._listener.join(PATIENCE)

    def close(self) -> None:
        """End the process."""
        self.interrupt()
        self._client.stop_channels()
        self._kernel.shutdown_kernel()

    def _wait_for_end(self) -> None:
        assert self._listener
        try:
            while self._listener.is_alive():
                self._listener.join(0.1)
        except KeyboardInterrupt:  # the notebook's own stop button
            self.interrupt()

    def _wait_for_first_words(self) -> None:
        deadline = time.monotonic() + FIRST_WORDS
        before = self.output
        while self.output == before and self.is_busy and time.monotonic() < deadline:
            time.sleep(0.02)

    def _listen(self, request: str, shown: Any) -> None:
        """Show what the prompt prints, until it has done what was requested."""
        seen = ''
        while True:
            try:
                message = self._client.get_iopub_msg(timeout=0.1)
            except queue.Empty:
                if self.output != seen:
                    seen = self.output
                    _show(shown, seen)
                continue
            if message['parent_header'].get('msg_id') != request:
                continue
            if message['msg_type'] == 'status' and message['content']['execution_state'] == 'idle':
                break
            self._take(message['msg_type'], message['content'])
        _show(shown, self.output)

    def _take(self, kind: str, content: Message) -> None:
        if kind == 'stream':
            self.output += content['text']
        elif kind in ('execute_result', 'display_data'):
            self.output += content['data'].get('text/plain', '') + '\n'
        elif kind == 'error':
            if content['ename'] == 'KeyboardInterrupt':
                self.output += '^C\n'
            else:
                self.failure = f'{content["ename"]}: {content["evalue"]}'
                self.output += COLOURS.sub('', '\n'.join(content['traceback'])) + '\n'


PROMPTS: dict[str, Prompt] = {}


def _but_the_last(source: str) -> list[str]:
    """A cell in two: what comes before its last statement, and that."""
    lines = source.splitlines()
    begin = ast.parse(source).body[-1].lineno - 1
    parts = ['\n'.join(lines[:begin]), '\n'.join(lines[begin:])]
    return [part for part in parts if part.strip()]


def _show(shown: Any, output: str) -> None:
    lines = output.splitlines()
    left_out = [f'({len(lines) - LINES} lines)'] if len(lines) > LINES else []
    shown.update({'text/plain': '\n'.join(left_out + lines[-LINES:])}, raw=True)


def _prompt(line: str, cell: str) -> None:
    """``%%prompt two``: type the cell at another prompt; ``--endless``: let it go on."""
    name, *options = line.split()
    if name not in PROMPTS:
        PROMPTS[name] = Prompt(name)
    PROMPTS[name].run(cell, endless='--endless' in options)


def _kafka(_: str = '') -> None:
    """``%kafka``: start a Kafka on this machine, unless one answers already."""
    import settings
    from broker import Broker

    servers: Sequence[str] = settings.client_options('producer')['bootstrap_servers']
    server = servers if isinstance(servers, str) else servers[0]
    host, _, port = server.rpartition(':')
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
    except OSError:
        if server != settings.DEFAULT_SERVERS:
            raise
        kafka = Broker(port=int(port), data='.kafka').start()  # until the notebook ends
        atexit.register(kafka.stop)
        print(f'Kafka runs on {server} until this notebook is shut down; its log is in .kafka/')
    else:
        print(f'There is a Kafka at {server}')


def _close() -> None:
    while PROMPTS:
        PROMPTS.popitem()[1].close()


def load_ipython_extension(shell: Any) -> None:
    """What ``%load_ext exercises.prompts`` calls."""
    shell.register_magic_function(_prompt, 'cell', 'prompt')
    shell.register_magic_function(_kafka, 'line', 'kafka')
    atexit.unregister(_close)
    atexit.register(_close)
