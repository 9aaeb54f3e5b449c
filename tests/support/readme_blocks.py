"""Runs the blocks of a Markdown document as a reader would type them.

Each session is a Python process of its own. A document has a copy of the project to itself, and
topics of its own (by ``KAFKA_PREFIX``), so it leaves nothing behind.

HTML comments, which a reader does not see, say what the blocks cannot (several in one comment: a
semicolon between them). Before a block:

    ``session: two``             it is typed at the prompt named "two" (otherwise: "main")
    ``interrupt after 3 s``      it is endless. It goes on beside the following blocks of other
                                 sessions, and gets Ctrl-C before its session's next block; ending
                                 by itself, or before 3 s, is a failure
    ``meanwhile``                it goes on beside the following blocks of other sessions, and its
                                 end is waited for before its session's next block
    ``again until: True``        it is typed again until it prints this
    ``file: mine/my_bot.py``     it is written to that file, not typed
    ``run``                      it is a shell's (``sh``), and is run to its end
    ``killed: two``              it is a shell's, and ends the session by ``kill -9``
    ``console``                  its lines are typed where the broker runs

After one: ``expect: red said: hello`` (the block prints this, within 15 s); ``expect in two:``
looks at the prompt named "two". ``stop: two`` gives that one its Ctrl-C now.
"""

import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sybil import Document, Example, Region

from tests.support import readme_prompts, testkafka
from tests.support.readme_prompts import Ended, Session

ROOT = Path(__file__).parents[2]

# What is not part of a fresh copy of the project.
LEFT_OUT = ('.venv', '.git', '.env', '.kafka', 'mine', '.*_cache', '__pycache__', '*.db', '*.png')

PIECE = re.compile(
    r'^(?P<indent> *)```(?P<kind>\w*)\n(?P<block>.*?)^(?P=indent)```$'
    r'|^ *<!-- (?P<comment>[a-z].*?) ?-->$',
    re.MULTILINE | re.DOTALL,
)
SAYING = re.compile(
    r'session: (?P<session>\w+)|interrupt after (?P<endless>[\d.]+) s|(?P<meanwhile>meanwhile)'
    r'|again until: (?P<until>.+)|stop: (?P<stop>\w+)|file: (?P<file>[\w./]+)|(?P<run>run)'
    r'|killed: (?P<killed>\w+)|(?P<console>console)'
    r'|expect(?: in (?P<where>\w+))?: (?P<text>.+)',
    re.DOTALL,
)
NOT_TYPED = ('run', 'killed', 'console')  # blocks of these are no Python


Sessions = dict[str, Any]


class Place:
    """Where a document is run: a copy of the project, and a Kafka with topics of its own."""

    def __init__(self, example: Example) -> None:
        self._temporary = tempfile.TemporaryDirectory()
        self.folder = Path(self._temporary.name, 'project')
        shutil.copytree(ROOT, self.folder, ignore=shutil.ignore_patterns(*LEFT_OUT))
        kafka = example.namespace.get('kafka')
        self.cluster: Any = example.namespace.get('three_brokers')
        environment = kafka.environment if kafka else self.cluster.env() if self.cluster else {}
        self.environment = testkafka.clean(os.environ) | environment
        self.environment['KAFKA_PREFIX'] = (
            f'{environment.get("KAFKA_PREFIX", "")}{Path(example.path).stem}-{os.getpid()}.'
        )
        self.environment['PYTHONIOENCODING'] = 'utf-8'
        scripts = str(Path(sys.executable).parent)  # as in a virtual environment that is activated
        self.environment['PATH'] = f'{scripts}{os.pathsep}{os.environ["PATH"]}'

    def close(self) -> None:
        """Remove the copy."""
        self._temporary.cleanup()


def parse(document: Document) -> Iterable[Region]:
    """Sybil's parser: the regions of a Markdown document that are run.

    One at its end stops what still runs.
    """
    said: dict[str, str] = {}  # about the next block
    last = ''
    for piece in PIECE.finditer(document.text):
        start, end = piece.span()
        if piece['comment'] is None:
            act = _act(piece, said)
            if act is not None:
                yield Region(start, end, act, _evaluate)
                last = 'shell' if said.keys() & set(NOT_TYPED) else said.get('session', 'main')
            elif said:
                raise ValueError(f'{document.path}: {said} is said of a block of another kind.')
            said = {}
            continue
        for saying in _sayings(piece['comment'], document, start):
            if saying['stop']:
                yield Region(start, end, functools.partial(_interrupt, saying['stop']), _evaluate)
            elif saying['text'] is None:
                said |= {name: text for name, text in saying.groupdict().items() if text}
            else:
                expect = functools.partial(_expect, saying['where'] or last, saying['text'])
                yield Region(start, end, expect, _evaluate)
    if document.text.count('```') % 2:
        raise ValueError(f'{document.path}: a block is not closed as it was opened.')
    if last:  # not for a page that is only read
        yield Region(document.end, document.end, _stop, _evaluate)


def close(namespace: dict[str, Any]) -> None:
    """Sybil's teardown: end the document's sessions."""
    for session in namespace.pop('sessions', {}).values():
        session.close()
    if place := namespace.pop('place', None):
        place.close()


def _act(piece: re.Match[str], said: dict[str, str]) -> Any:
    """What is to be done with a block; None: nothing, it is there to be read only."""
    source = textwrap.dedent(piece['block'])
    if piece['kind'] == 'sh' and 'run' in said:
        return functools.partial(_run_shell, source)
    if piece['kind'] == 'sh' and 'killed' in said:
        return functools.partial(_kill, said['killed'])
    if piece['kind'] == '' and 'console' in said:
        return functools.partial(_type_at_console, source)
    if piece['kind'] != 'python' or said.keys() & set(NOT_TYPED):
        return None
    if 'file' in said:
        return functools.partial(_write, said['file'], source)
    return functools.partial(_type, source, said)


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
        return str(failure)  # what went wrong is in the document: pytest shows no traceback
    return None


def _place(example: Example) -> Place:
    if 'place' not in example.namespace:
        example.namespace['place'] = Place(example)
    place: Place = example.namespace['place']
    return place


def _type(source: str, said: dict[str, str], example: Example, sessions: Sessions) -> None:
    name = said.get('session', 'main')
    if name not in sessions:
        place = _place(example)
        sessions[name] = Session(name, place.environment, place.folder)
    session, deadline = sessions[name], time.monotonic() + 4 * readme_prompts.PATIENCE
    where = (Path(example.path).name, example.line + 1)
    endless = float(said['endless']) if 'endless' in said else None
    session.run(source, *where, endless, meanwhile='meanwhile' in said)
    while 'until' in said and said['until'] not in session.output:
        if time.monotonic() > deadline:
            session.expect(said['until'])
        session.run(source, *where)


def _write(file: str, source: str, example: Example, _sessions: Sessions) -> None:
    path = _place(example).folder / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(source, encoding='utf-8')


def _run_shell(source: str, example: Example, sessions: Sessions) -> None:
    place = _place(example)
    result = subprocess.run(
        ['sh', '-e', '-c', source],
        cwd=place.folder,
        env=place.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding='utf-8',
        timeout=4 * readme_prompts.PATIENCE,
    )
    assert result.returncode == 0, f'It ended with {result.returncode}:\n{result.stdout}'
    sessions['shell'] = Ended(result.stdout)


def _kill(name: str, _example: Example, sessions: Sessions) -> None:
    sessions.pop(name).kill()


def _type_at_console(source: str, example: Example, sessions: Sessions) -> None:
    from broker import console

    cluster = _place(example).cluster
    answers = [console.execute(cluster, line) for line in source.splitlines()]
    sessions['shell'] = Ended('\n'.join(answers))


def _expect(name: str, text: str, _example: Example, sessions: Sessions) -> None:
    if name not in sessions:
        raise AssertionError(
            f'There is no session {name} yet, only: {", ".join(sessions) or "none"}'
        )
    sessions[name].expect(text)


def _interrupt(name: str, _example: Example, sessions: Sessions) -> None:
    sessions[name].interrupt()


def _stop(_example: Example, sessions: Sessions) -> None:
    for session in sessions.values():
        session.interrupt()
