"""The runner of the README's blocks can fail: else a README that is wrong would pass."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Document

from tests.support import readme_blocks, readme_prompts


@pytest.fixture
def document(tmp_path: Path) -> Iterator['Markdown']:
    """A document to be written and run, its sessions ended afterwards."""
    markdown = Markdown(tmp_path / 'sample.md')
    yield markdown
    readme_blocks.close(markdown.namespace)


class Markdown:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.namespace: dict[str, object] = {}

    def run(self, *parts: str) -> None:
        """Run a document; a part that is no comment or block is Python."""
        text = [
            part if part.startswith(('<!--', '```')) else f'```python\n{part}\n```'
            for part in parts
        ]
        self.path.write_text('# Sample\n\n' + '\n\n'.join(text) + '\n', encoding='utf-8')
        document = Document.parse(str(self.path), readme_blocks.parse)
        document.namespace = self.namespace
        for example in document:
            example.evaluate()


def test_a_session_keeps_its_names_and_shows_values(document: Markdown) -> None:
    """Blocks share their session's names, and an expression's value is shown as at a prompt."""
    document.run('a = 20', 'a + 22', '<!-- expect: 42 -->')


def test_sessions_are_processes_of_their_own(document: Markdown) -> None:
    """What one session defines, another does not know."""
    document.run(
        'a = 20',
        '<!-- session: two -->',
        'a = 30',
        'print("main has", a)',
        '<!-- expect: main has 20 -->',
    )
    with pytest.raises(AssertionError, match="name 'b' is not defined"):
        document.run('b = 1', '<!-- session: two -->', 'b')


def test_an_endless_block_goes_on_beside_other_sessions(document: Markdown, tmp_path: Path) -> None:
    """An endless block sees what another session does meanwhile, and ends by Ctrl-C.

    Its session goes on.
    """
    news = tmp_path / 'news'
    document.run(
        '<!-- session: two; interrupt after 0.2 s -->',
        'import pathlib, time\n'
        'while True:\n'
        '    time.sleep(0.01)\n'
        f'    if pathlib.Path({str(news)!r}).exists(): print("seen")',
        f'import pathlib\npathlib.Path({str(news)!r}).touch()',
        '<!-- expect in two: seen -->',
        '<!-- session: two -->',
        'print("usable")',
        '<!-- expect: usable -->',
    )


def test_an_endless_block_that_takes_ctrl_c_itself_is_fine(document: Markdown) -> None:
    """A loop that ends cleanly on Ctrl-C is not a failure."""
    document.run(
        '<!-- interrupt after 0.5 s -->',
        'import time\n'
        'try:\n'
        '    while True: time.sleep(0.01)\n'
        'except KeyboardInterrupt:\n'
        '    print("bye")',
    )


@pytest.mark.parametrize(
    'block', ['pass', 'import time\ntime.sleep(0.3)', 'raise KeyboardInterrupt']
)
def test_an_endless_block_that_ends_by_itself_fails(document: Markdown, block: str) -> None:
    """A block said to be endless fails if it ends before its Ctrl-C."""
    with pytest.raises(AssertionError, match='ended by itself'):
        document.run('<!-- interrupt after 10 s -->', block)


def test_a_block_that_ignores_ctrl_c_fails(
    document: Markdown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A loop that Ctrl-C does not leave fails, and its process is ended."""
    monkeypatch.setattr(readme_prompts, 'PATIENCE', 0.5)
    with pytest.raises(AssertionError, match='after Ctrl-C'):
        document.run(
            '<!-- interrupt after 0.5 s -->',
            'import signal, time\n'
            'signal.signal(signal.SIGINT, signal.SIG_IGN)\n'
            'while True: time.sleep(0.01)',
        )


def test_a_block_that_never_ends_fails(document: Markdown, monkeypatch: pytest.MonkeyPatch) -> None:
    """An endless block that does not say so fails."""
    monkeypatch.setattr(readme_prompts, 'PATIENCE', 0.2)
    with pytest.raises(AssertionError, match='still running'):
        document.run('import time\nwhile True: time.sleep(0.01)')


def test_what_is_expected_must_come(document: Markdown, monkeypatch: pytest.MonkeyPatch) -> None:
    """Output that was promised and did not come fails, and so does output of an earlier block."""
    monkeypatch.setattr(readme_prompts, 'PATIENCE', 0.5)
    with pytest.raises(AssertionError, match="did not print 'blue'"):
        document.run('print("blue")', 'print("red")', '<!-- expect: blue -->')


def test_an_error_names_the_line_of_the_document(document: Markdown) -> None:
    """A traceback shows the line in the document."""
    with pytest.raises(AssertionError, match=r'File "sample.md", line 9(.|\n)*ZeroDivisionError'):
        document.run('a = 1', '1 + 1\n1 / 0')


def test_blocks_run_as_they_are_typed(document: Markdown) -> None:
    """What a prompt would not take fails.

    An empty line in a class ends the class there, and an unfinished statement does not run.
    """
    document.run(
        'class A:\n    a = 1\n    b = 2\n\nassert (A.a,\n\n    A.b) == (1, 2)\nif A.b:\n    c = 3',
        'c',
        '<!-- expect: 3 -->',
    )
    with pytest.raises(AssertionError, match=r'File "sample.md", line 7(.|\n)*IndentationError'):
        document.run('class A:\n    a = 1\n\n    b = 2')
    with pytest.raises(AssertionError, match=r'SyntaxError'):
        document.run('if True:\n    a = 1\nb = 2')
    with pytest.raises(AssertionError, match='ends before its last statement'):
        document.run('a = (1,')


def test_prompts_are_doctests(document: Markdown) -> None:
    """A block with `>>>` shows its output, and it is compared; its names stay."""
    document.run('>>> a = 6\n>>> a * 7\n42', 'assert a == 6')
    with pytest.raises(AssertionError, match=r'Expected:\n +43\nGot:\n +42'):
        document.run('>>> 42\n43')


def test_a_block_is_typed_again_until_it_is_so(
    document: Markdown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes a moment is asked again, as a reader would; what never comes is a failure."""
    counting = ['count = iter(range(9))', '<!-- again until: 3 -->']
    document.run(*counting, 'next(count)', 'assert next(count) == 4')
    monkeypatch.setattr(readme_prompts, 'PATIENCE', 0.5)
    with pytest.raises(AssertionError, match="did not print '3'"):
        document.run(*counting, '"never"')


def test_a_document_has_a_copy_of_the_project(document: Markdown) -> None:
    """Files that blocks write are there for its commands, and nowhere else."""
    document.run(
        '<!-- file: mine/greeting.py -->',
        'print("hello from a file")',
        '<!-- run -->',
        '```sh\npython -m mine.greeting\n```',
        '<!-- expect: hello from a file -->',
        'import os; os.getcwd(), os.environ["KAFKA_PREFIX"][:7]',
        "<!-- expect: 'sample-' -->",
        'open("mine/greeting.py").close()',
    )
    assert not (readme_blocks.ROOT / 'mine' / 'greeting.py').exists()
    place: Any = document.namespace['place']
    assert place.folder.exists()
    readme_blocks.close(document.namespace)
    assert not place.folder.exists()


def test_a_command_that_fails_fails(document: Markdown) -> None:
    """A command's status counts, and so does what it was expected to print."""
    with pytest.raises(AssertionError, match='ended with 3'):
        document.run('<!-- run -->', '```sh\nexit 3\n```')
    with pytest.raises(AssertionError, match="did not print 'blue'"):
        document.run('<!-- run -->', '```sh\necho red\n```', '<!-- expect: blue -->')


def test_a_session_that_is_killed_begins_anew(document: Markdown) -> None:
    """`kill -9` ends a session in the middle of its block; the next block meets a new one."""
    document.run(
        '<!-- session: two; interrupt after 60 s -->',
        'import time\na = 1\nwhile True: time.sleep(0.01)',
        '<!-- killed: two -->',
        '```sh\nkill -9 12345\n```',
        '<!-- session: two -->',
        '"a" in globals()',
        '<!-- expect: False -->',
    )


@pytest.mark.parametrize(
    'wrong',
    [
        '<!-- interupt after 3 s -->',
        '<!-- session two -->',
        '<!-- invisible-code-block: python\na = 1\n-->',
        '```sh\necho not closed',
        '<!-- run -->',
    ],
)
def test_a_comment_that_says_nothing_known_is_refused(document: Markdown, wrong: str) -> None:
    """A misspelt comment is an error, so that no check is left out in silence."""
    with pytest.raises(ValueError, match=r'says nothing|not closed|of another kind'):
        document.run(wrong, 'pass')


def test_sessions_end_with_the_document(document: Markdown) -> None:
    """When a document ends, its processes end, also one that is busy."""
    with pytest.raises(AssertionError):
        document.run(
            '<!-- session: two; interrupt after 60 s -->',
            'import time\nwhile True: time.sleep(0.01)',
            '1 / 0',
        )
    sessions = list(document.namespace['sessions'].values())  # type: ignore[attr-defined]
    began = time.monotonic()
    readme_blocks.close(document.namespace)
    assert [session._process.returncode for session in sessions] == [0, 0]
    assert time.monotonic() - began < 5
