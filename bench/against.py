"""This checkout and another one, in turn in the same run: ``python -m bench --against FOLDER``.

CPU time a message moves little with the load of a machine, but it does move from machine to machine
and from day to day. So two states of the library can only be compared in one run: each round does
each job with both, one right after the other, each in a process of its own, and takes the ratio.
The bench's own code is this checkout's for both.
"""

from dataclasses import dataclass, field
from pathlib import Path

from bench.child import LIBRARY, values
from bench.jobs import Say, Size
from bench.promises import paired
from bench.rig import ROOT, Rig, spread

JOBS = ('send', 'read', 'throttle_view', 'throttle_group')
TITLES = {
    'send': 'send in bulk',
    'read': 'read',
    'throttle_view': 'throttle, as a view',
    'throttle_group': 'throttle in a group',
}


@dataclass
class Pair:
    """The two checkouts, and microseconds of CPU a message by job, one of each a round."""

    here: Rig
    there: Rig
    here_us: dict[str, list[float]] = field(default_factory=dict)
    there_us: dict[str, list[float]] = field(default_factory=dict)

    def round(self, number: int, size: Size, jobs: tuple[str, ...], say: Say) -> None:
        """Each job once with each checkout; which one goes first changes from round to round."""
        full = self.here.topic('to-read')
        self.here.fill(full, values(size.messages))
        turns = [
            ('this checkout', self.here, self.here_us),
            ('the other', self.there, self.there_us),
        ]
        if number % 2:
            turns.reverse()
        for job in jobs:
            for name, rig, found in turns:
                say(f'{TITLES[job]}: {name}')
                found.setdefault(job, []).append(cpu_us(rig, job, size, full))
        self.here.remove(full)

    def table(self, other: Path) -> str:
        """The medians of both, and the ratios, as lines of text."""
        lines = [
            f'{ROOT} against {other}',
            'us of CPU a message: median (lowest to highest of the rounds); the ratio is of pairs',
            f'    {"":<22}{"this checkout":<26}{"the other":<26}{"this / other"}',
        ]
        for job, here_us in self.here_us.items():
            there_us = self.there_us[job]
            cells = [
                _cell(spread(here_us)),
                _cell(spread(there_us)),
                _cell(paired(here_us, there_us)),
            ]
            lines.append(f'    {TITLES[job]:<22}{cells[0]:<26}{cells[1]:<26}{cells[2]}')
        return '\n'.join(lines)


def _cell(found: dict[str, float]) -> str:
    return f'{found["median"]:.2f} ({found["low"]:.2f} to {found["high"]:.2f})'


def cpu_us(rig: Rig, job: str, size: Size, full: str) -> float:
    """Microseconds of CPU a message of one job.

    Args:
        rig: starts the job's process.
        job: one of ``JOBS``.
        size: how many messages.
        full: a topic that holds ``size.messages`` messages, to be read.
    """
    count = size.messages
    if job == 'read':
        found = rig.run('read', 'ours', full, count)
    elif job == 'send':
        topic = rig.topic('to-send')
        found = rig.run('send', 'ours', topic, count)
        rig.remove(topic)
    else:
        found = rig.throttle('ours', size.throttled, group=job == 'throttle_group')
        count = found['count']
    return float(found['cpu']) / count * 1e6


def checkout(folder: str) -> Path:
    """The folder of another checkout.

    Raises:
        ValueError: the library is not in there.
    """
    path = Path(folder).resolve()
    for name in ('producer.py', 'consumer.py', 'alerts.py'):
        if not (path / name).is_file():
            raise ValueError(f'{path} is not a checkout of this project: it has no {name}.')
    return path


def measure(
    servers: str, other: Path, rounds: int, size: Size, jobs: tuple[str, ...], say: Say
) -> Pair:
    """Measure both checkouts in turn, so many rounds."""
    pair = Pair(
        here=Rig(servers, {LIBRARY: str(ROOT)}),
        there=Rig(servers, {LIBRARY: str(other)}),
    )
    for number in range(rounds):
        prefix = f'round {number + 1} of {rounds}, '
        pair.round(number, size, jobs, lambda what, prefix=prefix: say(prefix + what))
    return pair
