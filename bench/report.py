"""What the numbers look like: a table of text, the tables in docs/, and a plot."""

import re
import statistics
from typing import Any

from bench.jobs import NAMES, TITLES, Results
from bench.rig import percentile, spread

COLOURS = {
    'plain': '#b8b8b8',
    'plain+crc32c': '#8c8c8c',
    'ours': '#c8102e',
    'aio': '#6d9dc5',
    'confluent': '#2f5d8a',
}
COLUMNS = {  # of the first table in docs/how-fast.md and docs/scaling.md
    'ours': 'this library',
    'plain': 'kafka-python',
    'plain+crc32c': 'kafka-python + crc32c',
    'aio': 'aiokafka (C)',
    'confluent': 'confluent-kafka (C)',
}
ROWS = {
    'send': 'send in bulk',
    'read': 'read',
    'throttle': 'throttle service',
    'throttle_group': 'throttle in a group, exactly once',
}


def rounded(kinds: dict[str, list[float]]) -> dict[str, list[float]]:
    """Numbers with four significant digits: more would mean nothing."""
    return {kind: [float(f'{each:.4g}') for each in numbers] for kind, numbers in kinds.items()}


def table(results: Results) -> str:
    """All rates and times as lines of text."""
    lines = []
    for job, clients in results.numbers.items():
        lines.append(f'\n{TITLES.get(job, job.replace("_", " "))}')
        for client, numbers in clients.items():
            cells = _rate_cells(numbers) if 'rate' in numbers else _time_cells(job, numbers)
            lines.append(' '.join([f'    {NAMES.get(client, client):<24}', *cells]))
    return '\n'.join(lines)


def _rate_cells(numbers: dict[str, list[float]]) -> list[str]:
    rate = spread(numbers['rate'])
    return [
        f'{rate["median"]:>10,.0f} a second ({rate["low"]:,.0f} to {rate["high"]:,.0f})',
        f'{statistics.median(numbers["cpu_us"]):8.1f} us CPU each',
    ]


def _time_cells(job: str, numbers: dict[str, list[float]]) -> list[str]:
    time = spread([1000 * each for each in numbers['seconds']])
    cells = [f'{time["median"]:>10,.1f} ms ({time["low"]:,.1f} to {time["high"]:,.1f})']
    if job.startswith('delay'):
        cells.append(f'p99 {1000 * percentile(numbers["seconds"], 99):.1f} ms')
    if 'cpu' in numbers:
        cells.append(f'{1000 * statistics.median(numbers["cpu"]):8.1f} ms CPU')
    if 'kept_kib' in numbers:
        cells.append(f'{statistics.median(numbers["kept_kib"]):8.0f} KiB kept each')
    return cells


def tables(document: dict[str, Any]) -> list[list[str]]:
    """The tables that docs/how-fast.md and docs/scaling.md show, from what results.json holds.

    Each is a list of lines of Markdown.
    """
    numbers, group = document['numbers'], document['scale']['group']
    rates = [
        [title, *(_rate_and_cpu(numbers[job].get(client)) for client in COLUMNS)]
        for job, title in ROWS.items()
    ]
    processes = []
    for each in group:
        times_one = each['rate'] / group[0]['rate']
        processes.append(
            [
                f'{each["processes"]}',
                f'{each["rate"]:,.0f}',
                f'{times_one:.2f}',
                f'{each["cpu_us"]:.1f}',
            ]
        )
    senders = [
        [f'{each["senders"]:,}', f'{each["cpu_us"]:.1f}'] for each in document['scale']['senders']
    ]
    return [
        _markdown(['thousand messages a second (us of CPU each)', *COLUMNS.values()], rates),
        _markdown(
            ['processes', 'messages a second', 'times one', 'us of CPU a message'], processes
        ),
        _markdown(['senders', 'us of CPU a message'], senders),
    ]


def _rate_and_cpu(numbers: dict[str, list[float]] | None) -> str:
    if numbers is None:
        return ''
    thousands = statistics.median(numbers['rate']) / 1000
    return f'{thousands:.0f} ({statistics.median(numbers["cpu_us"]):.1f})'


def _markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [f'| {" | ".join(cells)} |' for cells in (head, ['---'] * len(head), *rows)]
    return [line.replace('|  ', '| ') for line in lines]


def fill(page: str, document: dict[str, Any]) -> str:
    """A page with its tables replaced by those of this run; a table is known by its first line."""
    for lines in tables(document):
        start = page.find(f'{lines[0]}\n')
        if start >= 0:
            rows = re.compile(r'(\|.*\n)*').match(page, start)
            assert rows is not None
            page = page[:start] + '\n'.join([*lines, '']) + page[rows.end() :]
    return page


def plot(results: Results) -> str:
    """Bars: thousand messages a second for each job and client, as SVG."""
    jobs = [job for job in ('send', 'read', 'throttle') if job in results.numbers]
    parts, y = [], 34
    for job in jobs:
        title = f'{TITLES[job]}: thousand messages a second'
        parts.append(f'<text x="12" y="{y}" class="t">{title}</text>')
        rates = _median_rates(results, job)
        for client, rate in rates.items():
            y += 22
            parts += _bar(client, rate, longest=max(rates.values()), y=y)
        y += 44
    height = y - 20
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {height}" '
        'role="img" aria-label="Messages a second by client">'
    )
    style = 'text{font:13px sans-serif;fill:#444}.t{font-weight:bold}.n{text-anchor:end}'
    background = f'<rect width="680" height="{height}" fill="#fff"/>'
    return '\n'.join([head, f'<style>{style}</style>', background, *parts, '</svg>', ''])


def _median_rates(results: Results, job: str) -> dict[str, float]:
    rates = {
        client: statistics.median(numbers['rate'])
        for client, numbers in results.numbers[job].items()
    }
    if job == 'throttle' and 'throttle_group' in results.numbers:
        rates['group'] = statistics.median(results.numbers['throttle_group']['ours']['rate'])
    return rates


def _bar(client: str, rate: float, longest: float, y: int) -> list[str]:
    name = NAMES.get(client, 'in a group, exactly once')
    colour = COLOURS.get(client, '#e0707f')
    width = 400 * rate / longest
    return [
        f'<text x="200" y="{y + 4}" class="n">{name}</text>',
        f'<rect x="208" y="{y - 9}" width="{width:.1f}" height="17" fill="{colour}"/>',
        f'<text x="{214 + width:.1f}" y="{y + 4}">{rate / 1000:.0f}</text>',
    ]
