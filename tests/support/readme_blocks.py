"""Runs the Python blocks of a Markdown document as a reader would type them.

Each session a Python process of its own.

HTML comments, which a reader does not see, say what the blocks cannot (several in one comment: a
semicolon between them)::

    <!-- session: two -->             the next block is typed at the prompt named "two" (otherwise:
    "main") <!-- interrupt after 3 s -->      the next block is endless. It goes on beside the
    following blocks of other sessions, and gets
                                      Ctrl-C before its session's next block; ending by itself, or
                                      before 3 s, is a failure
    <!-- expect: red said: hello -->  the block before prints this, within 15 s; `expect in two:`
    looks at the prompt named "two" <!-- invisible-code-block: python ...
    a block that a reader does not see -->
"""

import codecs
import functools
import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sybil import Document, Example, Region

from tests.support import testkafka

ROOT = Path(__file__).parents[2]
PATIENCE = 15.0

PIECE = re.compile(
    r'^(?P<indent> *)```python\n(?P<block>.*?)^(?P=indent)```$'
    r'|^<!-- invisible-code-block: python\n(?P<invisible>.*?)^-->$'
    r'|^ *<!-- (?P<comment>[a-z][^\n]*) -->$',
    re.MULTILINE | re.DOTALL,
)
SAYING = re.compile(
    r'session: (?P<session>\w+)|interrupt after (?P<seconds>[\d.]+) s'
    r'|expect(?: in (?P<where>\w+))?: (?P<text>.+)',
    re.DOTALL,
)


class Session:
    """A Python process that runs blocks; at most one at a time."""

    def __init__(self, name: str, environment: dict[str, str]) -> None:
        self.name = name
        self.output = ''
        self.outcome: str | None = 'ended'
        self._endless_until: float | None = None
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, '-u', '-m', 'tests.support.readme_session'],
            cwd=ROOT,
            env=environment | {'PYTHONIOENCODING': 'utf-8'},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def run(self, source: str, file: str, line: int, endless: float | None = None) -> None:
        """Type a block. Waits for its end, or, where it is endless (for at least so many seconds).

        For nothing.
        """
        self.interrupt()
        if self._process.poll() is not None:
            raise AssertionError(
                f'Session {self.name} is gone since an earlier block failed there.'
            )
        with self._changed:
            self.output, self.outcome = '', None
        assert self._process.stdin is not None
        self._process.stdin.write(
            json.dumps({'source': source, 'file': file, 'line': line}).encode() + b'\n'
        )
        self._process.stdin.flush()
        if endless is None:
            self._wait_for_end(
                4 * PATIENCE,
                'The block is still running after {} s. Mark it with <!-- interrupt after 3 s -->.',
            )
        else:
            self._endless_until = time.monotonic() + endless

    def expect(self, text: str) -> None:
        """Wait until the output since the last block began holds this text."""
        with self._changed:
            if not self._changed.wait_for(lambda: text in self.output, PATIENCE):
                raise AssertionError(
                    f'Session {self.name} did not print {text!r} within {PATIENCE:g} s, '
                    f'but:\n{self.output}'
                )

    def interrupt(self) -> None:
        """Ctrl-C to the endless block that is running here, if one is.

        Fails if it ended by itself.
        """
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
                    self.outcome = json.loads(outcome)
                else:
                    self.output, pending = self.output + pending, ''
                self._changed.notify_all()
        with self._changed:
            self.outcome = f'The process ended with {self._process.wait()}.'
            self._changed.notify_all()


def parse(document: Document) -> Iterable[Region]:
    """Sybil's parser: the regions of a Markdown document that are run.

    One at its end that stops what still runs.
    """
    session, endless = 'main', None
    last = session
    blocks = 0
    for piece in PIECE.finditer(document.text):
        start, end = piece.span()
        source = piece['block'] or piece['invisible']
        if source is not None:
            blocks += 1
            yield Region(
                start,
                end,
                functools.partial(_run, session, textwrap.dedent(source), endless),
                _evaluate,
            )
            session, endless, last = 'main', None, session
            continue
        for saying in _sayings(piece['comment'], document, start):
            if saying['session']:
                session = saying['session']
            elif saying['seconds']:
                endless = float(saying['seconds'])
            else:
                yield Region(
                    start,
                    end,
                    functools.partial(_expect, saying['where'] or last, saying['text']),
                    _evaluate,
                )
    if blocks != document.text.count('```python') + document.text.count(
        '<!-- invisible-code-block: python'
    ):
        raise ValueError(
            f'{document.path}: a ```python block or an invisible one is not closed, or not '
            'closed as it was opened.'
        )
    yield Region(document.end, document.end, _stop, _evaluate)


def close(namespace: dict[str, Any]) -> None:
    """Sybil's teardown: end the document's sessions."""
    for session in namespace.pop('sessions', {}).values():
        session.close()


def _sayings(comment: str, document: Document, start: int) -> Iterator[re.Match[str]]:
    for part in [comment] if comment.startswith('expect') else comment.split('; '):
        saying = SAYING.fullmatch(part)
        if not saying:
            raise ValueError(
                f'{document.path}, {document.line_column(start)}: <!-- {part} --> says nothing '
                'that is known here.'
            )
        yield saying


def _evaluate(example: Example) -> str | None:
    try:
        example.parsed(example, example.namespace.setdefault('sessions', {}))
    except AssertionError as failure:
        return str(
            failure
        )  # what went wrong is in the document, so pytest shows no traceback through this file
    return None


def _run(
    name: str, source: str, endless: float | None, example: Example, sessions: dict[str, Session]
) -> None:
    if name not in sessions:
        kafka = example.namespace.get('kafka')
        sessions[name] = Session(
            name, testkafka.clean(os.environ) | (kafka.environment if kafka else {})
        )
    sessions[name].run(source, Path(example.path).name, example.line + 1, endless)


def _expect(name: str, text: str, _example: Example, sessions: dict[str, Session]) -> None:
    if name not in sessions:
        raise AssertionError(
            f'There is no session {name} yet, only: {", ".join(sessions) or "none"}'
        )
    sessions[name].expect(text)


def _stop(_example: Example, sessions: dict[str, Session]) -> None:
    for session in sessions.values():
        session.interrupt()
