"""The walkthrough as a notebook, made from the README: ``make notebook``.

Each block is a cell. The notebook's own prompt is the one that the README calls prompt one; blocks
of other prompts begin with ``%%prompt two``, which ``exercises/prompts.py`` explains. What the
README's comments expect of a block stands in its cell's metadata, for the test that runs it.
"""

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from tests.support.readme_blocks import PIECE, ROOT, SAYING

__all__ = ['NOTEBOOK', 'notebook', 'text']

NOTEBOOK = ROOT / 'docs/walkthrough.ipynb'
README = ROOT / 'README.md'

Cell = dict[str, Any]

ABOUT = """\
*This is the [README](../README.md) as a notebook. Its cells are what the text calls prompt one. A
cell that begins with `%%prompt two` is typed at another Python prompt. With `--endless` it goes on
beside the others, and shows below itself what it prints, until the next cell of the same prompt
presses Ctrl-C.*

*It needs `pip install -r requirements.txt notebook`; the development container has it. Then the
next cell does the set-up that is described below it.*"""

SET_UP = """\
import os
from pathlib import Path

if Path.cwd().name == 'docs':
    os.chdir('..')  # to the folder with the modules
%load_ext exercises.prompts
%kafka"""


def notebook(markdown: str) -> dict[str, Any]:
    """The notebook of a page, as Jupyter keeps it."""
    title, _, rest = markdown.partition('\n')
    cells = [_text(title), _text(ABOUT), _code(SET_UP, []), *_cells(rest)]
    for number, cell in enumerate(cells):
        cell['id'] = f'cell-{number}'
    return {
        'cells': cells,
        'metadata': {
            'kernelspec': {'display_name': 'Python 3', 'language': 'python', 'name': 'python3'},
            'language_info': {'name': 'python'},
        },
        'nbformat': 4,
        'nbformat_minor': 5,
    }


def text() -> str:
    """The notebook of the README, as a file's text."""
    made = notebook(README.read_text(encoding='utf-8'))
    return json.dumps(made, indent=1, ensure_ascii=False) + '\n'


def _cells(markdown: str) -> Iterator[Cell]:
    prose, place, said = '', 0, dict[str, str]()
    last: Cell = {}
    for piece in PIECE.finditer(markdown):
        prose += markdown[place : piece.start()]
        place = piece.end()
        if piece['comment'] is not None:
            for saying in _sayings(piece['comment']):
                if saying.get('text'):
                    last['metadata']['expect'].append([saying.get('where'), saying['text']])
                else:
                    said |= saying
            continue
        source = _source(piece, said)
        if source:
            if prose.strip():
                yield _text(prose)
            prose, last = '', _code(source, [])
            yield last
        else:
            prose += piece[0]
        said = {}
    yield _text(prose + markdown[place:])


def _sayings(comment: str) -> Iterator[dict[str, str]]:
    for part in [comment] if comment.startswith('expect') else comment.split('; '):
        if saying := SAYING.fullmatch(part):
            yield {name: found for name, found in saying.groupdict().items() if found}


def _source(piece: re.Match[str], said: dict[str, str]) -> str:
    """What a block is as a cell; nothing if it is only read."""
    block = piece['block'].rstrip()
    if piece['kind'] == 'sh' and 'run' in said:
        return re.sub(r'^python -m ', '%run -m ', block, flags=re.MULTILINE)
    if piece['kind'] != 'python':
        return ''
    if 'session' not in said:
        return block
    endless = ' --endless' if 'endless' in said else ''
    return f'%%prompt {said["session"]}{endless}\n{block}'


def _text(markdown: str) -> Cell:
    """A cell to be read; its links lead where the page's do, from the folder of the notebook."""
    moved = re.sub(r'\]\((?!https?:|#|\.\./)', '](../', markdown).replace('](../docs/', '](')
    tidy = re.sub(r'\n{3,}', '\n\n', moved).strip()
    return {'cell_type': 'markdown', 'metadata': {}, 'source': tidy.splitlines(keepends=True)}


def _code(source: str, expect: list[list[str | None]]) -> Cell:
    return {
        'cell_type': 'code',
        'execution_count': None,
        'metadata': {'expect': expect},
        'outputs': [],
        'source': source.splitlines(keepends=True),
    }


if __name__ == '__main__':
    NOTEBOOK.write_text(text(), encoding='utf-8')
    print(f'{NOTEBOOK} is the README.', file=sys.stderr)
