"""From numbers to tables, ratios against their targets, and a plot."""

import re
import statistics
from typing import Any

from bench.jobs import NAMES, Results
from bench.rig import percentile, spread

TITLES = {
    'send': 'Bulk send (send_msg in a loop)',
    'send_blocking': 'Lone sends, each acknowledged',
    'read': 'Read (for msg in get_consumer)',
    'throttle': 'Throttle service',
    'throttle_group': 'Throttle service in a group, exactly once',
}
COLOURS = {
    'plain': '#b8b8b8',
    'plain+crc32c': '#8c8c8c',
    'ours': '#c8102e',
    'aio': '#6d9dc5',
    'confluent': '#2f5d8a',
}


def paired(above: list[float], below: list[float]) -> dict[str, float]:
    """Ratios round by round: both of a pair saw the same machine."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def ratios(results: Results) -> list[dict[str, Any]]:
    """Each promise, what was found, and whether it is kept: at least (or at most) its target."""
    numbers, found = results.numbers, []

    def note(
        name: str,
        value: dict[str, float],
        at_least: float | None = None,
        at_most: float | None = None,
        unit: str = '',
    ) -> None:
        kept = None
        if at_least is not None or at_most is not None:
            kept = (
                value['median'] >= at_least
                if at_least is not None
                else value['median'] <= (at_most or 0.0)
            )
        found.append(
            {
                'name': name,
                **value,
                'at_least': at_least,
                'at_most': at_most,
                'kept': kept,
                'unit': unit,
            }
        )

    for job, target in (('send', 2.2), ('read', 3.3), ('throttle', 3.0), ('send_blocking', 1.0)):
        if job in numbers:
            ours, plain = numbers[job]['ours'], numbers[job]['plain']
            note(
                f'{TITLES[job]}: rate / kafka-python',
                paired(ours['rate'], plain['rate']),
                at_least=target,
            )
            note(
                f'{TITLES[job]}: kafka-python CPU / our CPU',
                paired(plain['cpu_us'], ours['cpu_us']),
                at_least=target,
            )
            for peer in ('plain+crc32c', 'aio', 'confluent'):
                note(
                    f'{TITLES[job]}: rate / {NAMES[peer]}',
                    paired(ours['rate'], numbers[job][peer]['rate']),
                )
    if 'throttle_group' in numbers:
        grouped = numbers['throttle_group']['ours']
        note(
            'Throttle in a group: rate / without a group',
            paired(grouped['rate'], numbers['throttle']['ours']['rate']),
            at_least=0.8,
        )
        for job, title, targets in (
            ('delay', 'Alert delay', (5.0, 12.0)),
            ('delay_group', 'Alert delay in a group', (None, None)),
        ):
            delays = [1000 * each for each in numbers[job]['ours']['seconds']]
            for percent, target in zip((50, 99), targets, strict=True):
                number = percentile(delays, percent)
                note(
                    f'{title}, p{percent}',
                    {'median': number, 'low': min(delays), 'high': max(delays)},
                    at_most=target,
                    unit='ms',
                )
    for job, title, most in (
        ('first_send', 'First acknowledged send', 25.0),
        ('first_read', "A new group's first message", 60.0),
    ):
        for client in numbers[job]:
            times = spread([1000 * each for each in numbers[job][client]['seconds']])
            note(
                f'{title}: {NAMES[client]}',
                times,
                at_most=most if client == 'ours' else None,
                unit='ms',
            )
    start = numbers['broker']
    later = start['later']['seconds']
    note(
        'Broker: later start / without the cache, our other flags kept',
        paired(later, start['without the cache']['seconds']),
    )
    note(
        'Broker: later start / a plain JVM without the cache',
        paired(later, start['plain JVM']['seconds']),
        at_most=0.4,
    )
    for what in ('seconds', 'cpu'):
        both = [
            statistics.median(numbers['import'][name][what])
            for name in ('producer, consumer', 'kafka')
        ]
        ratio = both[0] / both[1]
        note(
            f'import producer, consumer / import kafka ({what})',
            {'median': ratio, 'low': ratio, 'high': ratio},
            at_most=1.3,
        )
    return found


def rounded(kinds: dict[str, list[float]]) -> dict[str, list[float]]:
    """Numbers with as many digits as mean something."""
    return {kind: [float(f'{each:.4g}') for each in numbers] for kind, numbers in kinds.items()}


def table(results: Results) -> str:
    """All rates and times as text."""
    lines = []
    for job, clients in results.numbers.items():
        lines.append(f'\n{TITLES.get(job, job.replace("_", " "))}')
        for client, found in clients.items():
            cells = [f'    {NAMES.get(client, client):<24}']
            if 'rate' in found:
                rate = spread(found['rate'])
                cells.append(
                    f'{rate["median"]:>10,.0f} a second ({rate["low"]:,.0f} to {rate["high"]:,.0f})'
                )
                cells.append(f'{statistics.median(found["cpu_us"]):8.1f} us CPU each')
            else:
                time = spread([1000 * each for each in found['seconds']])
                cells.append(
                    f'{time["median"]:>10,.1f} ms ({time["low"]:,.1f} to {time["high"]:,.1f})'
                )
                if job.startswith('delay'):
                    cells.append(f'p99 {1000 * percentile(found["seconds"], 99):.1f} ms')
                if 'cpu' in found:
                    cells.append(f'{1000 * statistics.median(found["cpu"]):8.1f} ms CPU')
                if 'kept_kib' in found:
                    cells.append(f'{statistics.median(found["kept_kib"]):8.0f} KiB kept each')
            lines.append(' '.join(cells))
    return '\n'.join(lines)


def promises(found: list[dict[str, Any]]) -> str:
    """The ratios as text."""
    lines = ['', 'Ratios: median (lowest to highest of the rounds), target']
    for each in found:
        target = (
            ''
            if each['kept'] is None
            else f'at least {each["at_least"]:g}'
            if each['at_least']
            else f'at most {each["at_most"]:g}'
        )
        verdict = {None: '', True: 'yes', False: 'NO'}[each['kept']]
        numbers = (
            f'{each["median"]:8.2f} {each["unit"]:<3}({each["low"]:.2f} to {each["high"]:.2f})'
        )
        lines.append(f'    {each["name"]:<72} {numbers:<32} {target:<14} {verdict}')
    return '\n'.join(lines)


def tables(document: dict[str, Any]) -> list[list[str]]:
    """The tables that README.md and docs/scaling.md show, as lines of Markdown, from what results.json holds."""
    numbers, group = document['numbers'], document['scale']['group']
    clients = ('ours', 'plain', 'plain+crc32c', 'aio', 'confluent')
    heads = (
        'this library',
        'kafka-python',
        'kafka-python + crc32c',
        'aiokafka (C)',
        'confluent-kafka (C)',
    )
    rows = {
        'send': 'send in bulk',
        'read': 'read',
        'throttle': 'throttle service',
        'throttle_group': 'throttle in a group, exactly once',
    }

    def cell(found: dict[str, list[float]] | None) -> str:
        return (
            f'{statistics.median(found["rate"]) / 1000:.0f} ({statistics.median(found["cpu_us"]):.1f})'
            if found
            else ''
        )

    rates = [
        [title, *(cell(numbers[job].get(client)) for client in clients)]
        for job, title in rows.items()
    ]
    processes = [
        [
            f'{each["processes"]}',
            f'{each["rate"]:,.0f}',
            f'{each["rate"] / group[0]["rate"]:.2f}',
            f'{each["cpu_us"]:.1f}',
        ]
        for each in group
    ]
    senders = [
        [f'{each["senders"]:,}', f'{each["cpu_us"]:.1f}'] for each in document['scale']['senders']
    ]
    return [
        _markdown(['thousand messages a second (us of CPU each)', *heads], rates),
        _markdown(
            ['processes', 'messages a second', 'times one', 'us of CPU a message'], processes
        ),
        _markdown(['senders', 'us of CPU a message'], senders),
    ]


def _markdown(head: list[str], rows: list[list[str]]) -> list[str]:
    lines = [f'| {" | ".join(cells)} |' for cells in (head, ['---'] * len(head), *rows)]
    return [line.replace('|  ', '| ') for line in lines]


def fill(text: str, document: dict[str, Any]) -> str:
    """A page with the tables that it has replaced by those of this run."""
    for table in tables(document):
        text = re.sub(rf'{re.escape(table[0])}\n(\|.*\n)*', lambda _: '\n'.join([*table, '']), text)  # noqa: B023 - it is called at once
    return text


def plot(results: Results) -> str:
    """Bars: thousand messages a second for each job and client, as SVG."""
    jobs = [job for job in ('send', 'read', 'throttle') if job in results.numbers]
    bars, y = [], 34
    for job in jobs:
        rates = {
            client: statistics.median(found['rate'])
            for client, found in results.numbers[job].items()
        }
        if job == 'throttle' and 'throttle_group' in results.numbers:
            rates['group'] = statistics.median(results.numbers['throttle_group']['ours']['rate'])
        longest = max(rates.values())
        bars.append(
            f'<text x="12" y="{y}" class="t">{TITLES[job]}: thousand messages a second</text>'
        )
        for client, rate in rates.items():
            y += 22
            name = NAMES.get(client, 'in a group, exactly once')
            colour = COLOURS.get(client, '#e0707f')
            width = 400 * rate / longest
            bars.append(f'<text x="200" y="{y + 4}" class="n">{name}</text>')
            bars.append(
                f'<rect x="208" y="{y - 9}" width="{width:.1f}" height="17" fill="{colour}"/>'
            )
            bars.append(f'<text x="{214 + width:.1f}" y="{y + 4}">{rate / 1000:.0f}</text>')
        y += 44
    style = 'text{font:13px sans-serif;fill:#444}.t{font-weight:bold}.n{text-anchor:end}'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {y - 20}" role="img" aria-label="Messages a second by client">'
    ground = f'<rect width="680" height="{y - 20}" fill="#fff"/>'
    return '\n'.join([head, f'<style>{style}</style>', ground, *bars, '</svg>', ''])
