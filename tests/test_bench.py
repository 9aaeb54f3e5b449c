"""The bench in a tiny form: it runs with every client, and prints its ratios.

All clients find the same alerts. Times are not asserted.
"""

import importlib
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import unittest.mock
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]


needs_clients = pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ('confluent_kafka', 'aiokafka')),
    reason='the clients to measure against are missing: pip install -r bench/requirements.txt',
)


@needs_clients
@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_quick_bench_prints_its_ratios() -> None:
    """`python -m bench --quick` does every job once with every client, and writes nothing.

    All clients find the same alerts.
    """
    before = (ROOT / 'bench' / 'results.json').read_bytes()
    run = subprocess.run(
        [sys.executable, '-m', 'bench', '--quick'],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    for line in (
        'Bulk send',
        'Read (',
        'Throttle service',
        'Throttle in a group',
        'First acknowledged send',
        'Broker: later start',
        'import',
    ):
        assert line in run.stdout
    assert (ROOT / 'bench' / 'results.json').read_bytes() == before


@needs_clients
@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_another_checkout_is_measured_in_turn(tmp_path: Path) -> None:
    """`--against` runs the same jobs with the library of another folder, and prints the ratios."""
    other = tmp_path / 'other'
    unneeded = shutil.ignore_patterns('.*', '__pycache__', 'bench', 'docs', 'exercises', 'tests')
    shutil.copytree(ROOT, other, ignore=unneeded)
    mark = tmp_path / 'imported'
    with (other / 'producer.py').open('a', encoding='utf-8') as file:
        file.write(f'\nfrom pathlib import Path\nPath({str(mark)!r}).touch()\n')
    run = subprocess.run(
        [sys.executable, '-m', 'bench', '--quick', '--against', str(other)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    assert mark.exists()
    for title in ('send in bulk', 'read', 'throttle, as a view', 'throttle in a group'):
        assert re.search(rf'^    {title} +\d.* +\d.* +\d', run.stdout, re.MULTILINE), run.stdout


def test_which_checkout_goes_first_changes_from_round_to_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both checkouts do each job once a round, one right after the other, in alternating order."""
    against: Any = importlib.import_module('bench.against')
    jobs: Any = importlib.import_module('bench.jobs')
    here, there = unittest.mock.MagicMock(name='here'), unittest.mock.MagicMock(name='there')
    measured = []

    def cpu_us(rig: Any, job: str, *_: Any) -> float:
        measured.append((job, 'here' if rig is here else 'there'))
        return 2.0 if rig is here else 4.0

    monkeypatch.setattr(against, 'cpu_us', cpu_us)
    pair = against.Pair(here, there)
    for number in range(2):
        pair.round(number, jobs.QUICK, ('send', 'read'), lambda _: None)
    assert measured == [
        ('send', 'here'),
        ('send', 'there'),
        ('read', 'here'),
        ('read', 'there'),
        ('send', 'there'),
        ('send', 'here'),
        ('read', 'there'),
        ('read', 'here'),
    ]
    assert re.search(r'send in bulk +2\.00 .* +4\.00 .* +0\.50 ', pair.table(Path('other')))


def test_a_folder_without_the_library_is_refused(tmp_path: Path) -> None:
    """What `--against` names must be a checkout; the error says what is missing there."""
    against = importlib.import_module('bench.against')
    with pytest.raises(ValueError, match=r'is not a checkout .* no producer\.py'):
        against.checkout(str(tmp_path))


def test_the_results_that_are_shown_are_there() -> None:
    """The results of the last full run hold every promise with its target; the plot is valid."""
    results = json.loads((ROOT / 'bench' / 'results.json').read_text(encoding='utf-8'))
    assert results['rounds'] >= 1
    assert len([each for each in results['ratios'] if each['kept'] is not None]) >= 12
    assert {each['processes'] for each in results['scale']['group']} == {1, 2, 4}
    report = importlib.import_module('bench.report')
    for page, shown in ((ROOT / 'docs' / 'how-fast.md', 1), (ROOT / 'docs' / 'scaling.md', 3)):
        text = page.read_text(encoding='utf-8')
        assert sum('\n'.join(table) in text for table in report.tables(results)) == shown, (
            f'{page.name} shows other figures than results.json'
        )
    assert ElementTree.parse(ROOT / 'docs' / 'bench.svg').getroot().tag.endswith('svg')
