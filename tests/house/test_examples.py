"""The examples in docstrings are what happens at a prompt."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

from tests.support.testkafka import Kafka

ROOT = Path(__file__).parents[2]


def _examples() -> list[str]:
    return sorted(
        path.stem
        for path in ROOT.glob('*.py')
        if path.name != 'conftest.py'
        and re.search(r'^ +>>> ', path.read_text(encoding='utf-8'), re.MULTILINE)
    )


@pytest.mark.parametrize('name', _examples())
def test_examples_in_docstrings_run(
    name: str, kafka: Kafka, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What a docstring shows after `>>>` is what comes, given a Kafka.

    `...` stands for what differs each time.
    """
    if name == 'settings':  # its examples show what holds with nothing set
        monkeypatch.delenv('KAFKA_BOOTSTRAP_SERVERS')
    monkeypatch.chdir(tmp_path)
    Path('chat.txt').write_text('[10:00] <alice> hello\n[10:01] <bob> hi alice\n', encoding='utf-8')
    module = importlib.import_module(name)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    for test in doctest.DocTestFinder().find(module, name):
        runner.run(test, out=said.append)
    assert runner.failures == 0, ''.join(said)
    assert runner.tries > 0
