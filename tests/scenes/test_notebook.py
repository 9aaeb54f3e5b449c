"""The walkthrough as a notebook is the README, and runs from its first cell to its last.

What the README expects of a block is waited for, at the prompt that it names, before the next cell.
"""

import json
import secrets
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from tests.scenes.test_jupyter import below
from tests.support import notebook
from tests.support.testkafka import Kafka

notebooks: Any = nbformat  # says nothing about its types
v4 = notebooks.v4

PATIENCE = 60

AWAIT = """\
import time
from exercises.prompts import PROMPTS
prompt, deadline = PROMPTS[{name!r}], time.monotonic() + 15
while {text!r} not in prompt.output:
    assert time.monotonic() < deadline, f'Prompt {{prompt.name}} printed: {{prompt.output}}'
    time.sleep(0.02)"""
GOES_ON = """\
assert PROMPTS[{name!r}].is_busy, PROMPTS[{name!r}].output"""
PLACES = """\
import json, sys
print(json.dumps([sys.executable, list(PROMPTS)]))"""


def _prompt_of(cell: Any) -> str:
    first, *_ = cell.source.splitlines()
    return str(first.split()[1]) if first.startswith('%%prompt') else ''


def _checks(cell: Any) -> list[Any]:
    """Cells that wait for what is expected of a cell, where that is another prompt."""
    checks = []
    for where, text in cell.metadata.expect:
        name = where or _prompt_of(cell)
        if name:
            checks.append(v4.new_code_cell(AWAIT.format(name=name, text=text)))
    if '--endless' in cell.source:
        checks.append(v4.new_code_cell(AWAIT.format(name=_prompt_of(cell), text='')))
        checks.append(v4.new_code_cell(GOES_ON.format(name=_prompt_of(cell))))
    return checks


def test_the_notebook_is_the_readme() -> None:
    """What is kept in docs/ is what `make notebook` makes, and is a notebook with every block."""
    kept = notebook.NOTEBOOK.read_text(encoding='utf-8')
    assert json.loads(kept) == json.loads(notebook.text()), 'make notebook'
    notebooks.validate(notebooks.reads(kept, as_version=4))
    typed = '\n'.join(cell.source for cell in notebooks.reads(kept, as_version=4).cells)
    readme = notebook.README.read_text(encoding='utf-8')
    for block in readme.split('```python\n')[1:]:
        assert block.partition('\n```')[0] in typed
    for heading in (line for line in readme.splitlines() if line.startswith('#')):
        assert heading in typed
    assert '<!--' not in typed


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore::DeprecationWarning:zmq')
def test_the_notebook_runs(kafka: Kafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first cell to the last: each prints what the README says, no endless cell ends."""
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
    monkeypatch.setenv('KAFKA_PREFIX', f'notebook-{secrets.token_hex(4)}.')
    kept = notebooks.read(notebook.NOTEBOOK, as_version=4)
    expecting = [cell for cell in kept.cells if cell.cell_type == 'code']
    cells = [each for cell in expecting for each in (cell, *_checks(cell))]
    places = v4.new_code_cell(PLACES)
    client = NotebookClient(
        v4.new_notebook(cells=[*cells, places]),
        timeout=PATIENCE,
        kernel_name='python3',
        resources={'metadata': {'path': str(notebook.NOTEBOOK.parent)}},
        shutdown_kernel='graceful',
    )
    client.execute()  # raises what a cell raises
    assert len([expected for cell in expecting for expected in cell.metadata.expect]) > 15
    for cell in expecting:
        for where, text in cell.metadata.expect:
            if not where and not _prompt_of(cell):
                assert text in below(cell), f'{cell.source}\n\n{below(cell)}'
    assert 'There is a Kafka at' in below(expecting[0])
    assert json.loads(below(places)) == [sys.executable, ['two', 'three', 'four']]
    (counted,) = [cell for cell in expecting if cell.source.startswith('%%prompt two\nsum(')]
    assert [output.data['text/plain'] for output in counted.outputs] == ['200']
