"""The bench in a tiny form: it runs with every client, and prints its ratios.

All clients find the same alerts. Times are not asserted.
"""

import importlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(
    not all(importlib.util.find_spec(name) for name in ('confluent_kafka', 'aiokafka')),
    reason='the clients to measure against are missing: pip install -r bench/requirements.txt',
)
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


def test_the_results_that_are_shown_are_there() -> None:
    """The results of the last full run hold every promise with its target; the plot is valid."""
    results = json.loads((ROOT / 'bench' / 'results.json').read_text(encoding='utf-8'))
    assert results['rounds'] >= 1
    assert len([each for each in results['ratios'] if each['kept'] is not None]) >= 12
    assert {each['processes'] for each in results['scale']['group']} == {1, 2, 4}
    report = importlib.import_module('bench.report')
    for page, shown in ((ROOT / 'README.md', 1), (ROOT / 'docs' / 'scaling.md', 3)):
        text = page.read_text(encoding='utf-8')
        assert sum('\n'.join(table) in text for table in report.tables(results)) == shown, (
            f'{page.name} shows other figures than results.json'
        )
    assert ElementTree.parse(ROOT / 'docs' / 'bench.svg').getroot().tag.endswith('svg')
