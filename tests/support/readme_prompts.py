"""The Python prompts at which readme_blocks.py types, each a process of its own."""

import codecs
import functools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PATIENCE = 15.0


class Session:
    """A Python process that runs blocks; at most one at a time."""

    def __init__(self, name: str, environment: dict[str, str], folder: Path) -> None:
        self.name = name
        self.output = ''
        self.outcome: str | None = 'ended'
        self._at_its_last = False
        self._busy = False
        self._endless_until: float | None = None
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, '-u', '-m', 'tests.support.readme_session'],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def run(
        self,
        source: str,
        file: str,
        line: int,
        endless: float | None = None,
        *,
        meanwhile: bool = False,
    ) -> None:
        """Type a block, and wait for its end.

        Where it is endless (for at least so many seconds), or meanwhile other things are to be
        done, wait until its last statement begins.
        """
        self.interrupt()
        if self._process.poll() is not None:
            raise AssertionError(
                f'Session {self.name} is gone since an earlier block failed there.'
            )
        with self._changed:
            self.output, self.outcome, self._at_its_last = '', None, False
        assert self._process.stdin is not None
        self._process.stdin.write(
            json.dumps({'source': source, 'file': file, 'line': line}).encode() + b'\n'
        )
        self._process.stdin.flush()
        if endless is not None or meanwhile:
            with self._changed:
                self._changed.wait_for(lambda: self._at_its_last or self.outcome, PATIENCE)
        self._busy = meanwhile
        if endless is not None:
            self._endless_until = time.monotonic() + endless
        elif not meanwhile:
            self.finish()

    def expect(self, text: str) -> None:
        """Wait until the output since the last block began holds this text."""
        with self._changed:
            if not self._changed.wait_for(lambda: text in self.output, PATIENCE):
                raise AssertionError(
                    f'Session {self.name} did not print {text!r} within {PATIENCE:g} s, '
                    f'but:\n{self.output}'
                )

    def kill(self) -> None:
        """End the process as ``kill -9`` does."""
        self._process.kill()
        self.close()

    def finish(self) -> None:
        """Wait for the end of the block that is running here."""
        self._busy = False
        self._wait_for_end(
            4 * PATIENCE,
            'The block is still running after {} s. Mark it with <!-- interrupt after 3 s -->.',
        )

    def interrupt(self) -> None:
        """Ctrl-C to the endless block that is running here, if one is.

        Fails if it ended by itself.
        """
        if self._busy:
            self.finish()
        if self._endless_until is None:
            return
        with self._changed:
            until, self._endless_until = self._endless_until, None
            if self._changed.wait_for(
                lambda: self.outcome is not None, max(0.0, until - time.monotonic())
            ):
                raise AssertionError(
                    f'The endless block in session {self.name} ended by itself: '
                    f'{self.outcome}\n{self.output}'
                )
        self._process.send_signal(signal.SIGINT)
        self._wait_for_end(PATIENCE, 'The endless block went on for {} s after Ctrl-C.')

    def close(self) -> None:
        """End the process, whatever it is doing."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join(PATIENCE)  # it reads until the process has ended
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _wait_for_end(self, seconds: float, complaint: str) -> None:
        with self._changed:
            if not self._changed.wait_for(lambda: self.outcome is not None, seconds):
                self._process.kill()
                raise AssertionError(
                    complaint.format(f'{seconds:g}') + f' It printed:\n{self.output}'
                )
            if self.outcome not in ('ended', 'interrupted'):
                raise AssertionError(f'In session {self.name}:\n{self.output}{self.outcome}')

    def _listen(self) -> None:
        assert self._process.stdout is not None
        decode = codecs.getincrementaldecoder('utf-8')('replace').decode
        pending = ''
        for data in iter(functools.partial(os.read, self._process.stdout.fileno(), 65536), b''):
            pending += decode(data)
            with self._changed:
                while '\0' in pending:  # text, then the outcome between two zeros
                    text, _, rest = pending.partition('\0')
                    outcome, closed, rest = rest.partition('\0')
                    self.output += text
                    pending = f'\0{outcome}' if not closed else rest
                    if not closed:
                        break
                    told = json.loads(outcome)
                    if told == 'last statement':
                        self._at_its_last = True
                    else:
                        self.outcome = told
                else:
                    self.output, pending = self.output + pending, ''
                self._changed.notify_all()
        with self._changed:
            self.outcome = f'The process ended with {self._process.wait()}.'
            self._changed.notify_all()


class Ended:
    """What a shell's command printed."""

    def __init__(self, output: str) -> None:
        self.output = output

    def expect(self, text: str) -> None:
        """The output holds this text."""
        assert text in self.output, f'The command did not print {text!r}, but:\n{self.output}'

    def interrupt(self) -> None:
        """It has ended."""

    close = interrupt
