"""The promises about speed: ratios and times from the numbers, each against its target."""

import statistics
from typing import Any

from bench.jobs import NAMES, TITLES, Results
from bench.rig import percentile, spread

Found = dict[str, Any]  # name, median, low, high, at_least, at_most, kept, unit

RATE_TARGETS = {'send': 2.2, 'read': 3.3, 'throttle': 3.0, 'send_blocking': 1.0}
GROUP_TARGET = 0.8  # rate in a group, as a share of the rate without one
DELAY_TARGETS_MS = {50: 5.0, 99: 12.0}  # by percentile
FIRST_TARGETS_MS = {'first_send': 25.0, 'first_read': 60.0}
FIRST_TITLES = {
    'first_send': 'First acknowledged send',
    'first_read': "A new group's first message",
}
BROKER_TARGET = 0.4
IMPORT_TARGET = 1.3


def paired(above: list[float], below: list[float]) -> dict[str, float]:
    """Ratios round by round, so that both of a pair were measured on an equally busy machine."""
    return spread([a / b for a, b in zip(above, below, strict=True)])


def ratios(results: Results) -> list[Found]:
    """Each promise: what was found, and whether the target was met."""
    found: list[Found] = []
    for job, target in RATE_TARGETS.items():
        if job in results.numbers:
            found += _rates(results, job, target)
    if 'throttle_group' in results.numbers:
        found += _alerts(results)
    for job in FIRST_TARGETS_MS:
        found += _first_messages(results, job)
    found += _broker_starts(results)
    found += _imports(results)
    return found


def _found(
    name: str,
    value: dict[str, float],
    *,
    at_least: float | None = None,
    at_most: float | None = None,
    unit: str = '',
) -> Found:
    kept: bool | None = None  # there is no target
    if at_least is not None:
        kept = value['median'] >= at_least
    elif at_most is not None:
        kept = value['median'] <= at_most
    targets = {'at_least': at_least, 'at_most': at_most, 'kept': kept}
    return {'name': name, **value, **targets, 'unit': unit}


def _rates(results: Results, job: str, target: float) -> list[Found]:
    clients, title = results.numbers[job], TITLES[job]
    ours, plain = clients['ours'], clients['plain']
    rate = paired(ours['rate'], plain['rate'])
    cpu = paired(plain['cpu_us'], ours['cpu_us'])
    found = [
        _found(f'{title}: rate / kafka-python', rate, at_least=target),
        _found(f'{title}: kafka-python CPU / our CPU', cpu, at_least=target),
    ]
    for peer in ('plain+crc32c', 'aio', 'confluent'):
        rate = paired(ours['rate'], clients[peer]['rate'])
        found.append(_found(f'{title}: rate / {NAMES[peer]}', rate))
    return found


def _alerts(results: Results) -> list[Found]:
    grouped = results.numbers['throttle_group']['ours']
    alone = results.numbers['throttle']['ours']
    rate = paired(grouped['rate'], alone['rate'])
    found = [_found('Throttle in a group: rate / without a group', rate, at_least=GROUP_TARGET)]
    for job, title in (('delay', 'Alert delay'), ('delay_group', 'Alert delay in a group')):
        delays_ms = [1000 * each for each in results.numbers[job]['ours']['seconds']]
        for percent, target in DELAY_TARGETS_MS.items():
            value = {
                'median': percentile(delays_ms, percent),
                'low': min(delays_ms),
                'high': max(delays_ms),
            }
            at_most = target if job == 'delay' else None
            found.append(_found(f'{title}, p{percent}', value, at_most=at_most, unit='ms'))
    return found


def _first_messages(results: Results, job: str) -> list[Found]:
    found = []
    for client, numbers in results.numbers[job].items():
        milliseconds = spread([1000 * each for each in numbers['seconds']])
        at_most = FIRST_TARGETS_MS[job] if client == 'ours' else None
        name = f'{FIRST_TITLES[job]}: {NAMES[client]}'
        found.append(_found(name, milliseconds, at_most=at_most, unit='ms'))
    return found


def _broker_starts(results: Results) -> list[Found]:
    starts = results.numbers['broker']
    later = starts['later']['seconds']
    without_cache = paired(later, starts['without the cache']['seconds'])
    plain = paired(later, starts['plain JVM']['seconds'])
    return [
        _found('Broker: later start / without the cache, our other flags kept', without_cache),
        _found('Broker: later start / a plain JVM without the cache', plain, at_most=BROKER_TARGET),
    ]


def _imports(results: Results) -> list[Found]:
    found = []
    for what in ('seconds', 'cpu'):
        ours = statistics.median(results.numbers['import']['producer, consumer'][what])
        kafka = statistics.median(results.numbers['import']['kafka'][what])
        ratio = ours / kafka
        value = {'median': ratio, 'low': ratio, 'high': ratio}
        name = f'import producer, consumer / import kafka ({what})'
        found.append(_found(name, value, at_most=IMPORT_TARGET))
    return found


def text(found: list[Found]) -> str:
    """The ratios as lines of text."""
    lines = ['', 'Ratios: median (lowest to highest of the rounds), target']
    for each in found:
        target, verdict = '', ''
        if each['kept'] is not None:
            verdict = 'yes' if each['kept'] else 'NO'
            if each['at_least']:
                target = f'at least {each["at_least"]:g}'
            else:
                target = f'at most {each["at_most"]:g}'
        span = f'({each["low"]:.2f} to {each["high"]:.2f})'
        numbers = f'{each["median"]:8.2f} {each["unit"]:<3}{span}'
        lines.append(f'    {each["name"]:<72} {numbers:<32} {target:<14} {verdict}')
    return '\n'.join(lines)
