"""Commands for a broker in the foreground from another program on this machine, by a file.

While ``python -m broker`` runs, the file ``remote.json`` beside its data says which brokers there
are; a line that is added to ``remote.commands`` is executed as if it had been typed. The chat
room's page uses it. Whoever may write into the data folder may do more than that anyway.

The one idea to take away: two programs on one machine need no network between them.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from broker.file_locks import try_lock

__all__ = ['Remote', 'find', 'request']

ADVERT = 'remote.json'
COMMANDS = 'remote.commands'
LONGEST = 1000  # bytes that are read at once


class Remote:
    """The broker's side: says that it is there, and reads what it is told.

    Args:
        folder: the folder with its data.
        addresses: of its brokers, ``['127.0.0.1:9092']``; the first is broker 1.
    """

    def __init__(self, folder: Path, addresses: Sequence[str]) -> None:
        self._advert, self._commands = folder / ADVERT, folder / COMMANDS
        self._commands.unlink(missing_ok=True)
        self._advert.write_text(json.dumps(list(addresses)), encoding='utf-8')

    def lines(self) -> Iterator[str]:
        """The commands since the last call."""
        taken = self._commands.with_suffix('.taken')
        with contextlib.suppress(OSError):
            self._commands.rename(taken)  # what is added from now on is for the next call
            text = taken.read_text(encoding='utf-8', errors='replace')[:LONGEST]
            taken.unlink()
            yield from text.splitlines()

    def close(self) -> None:
        """It is there no more."""
        for path in (self._advert, self._commands):
            with contextlib.suppress(OSError):
                path.unlink()


def find(addresses: Sequence[str], data: Path = Path('.kafka')) -> Path | None:
    """The folder of the broker in the foreground that has these addresses; None if there is none.

    Args:
        addresses: as Kafka tells them.
        data: where ``python -m broker`` keeps its data.
    """
    for advert in sorted(data.glob(f'*/{ADVERT}')):
        with contextlib.suppress(OSError, ValueError, TypeError):
            told = json.loads(advert.read_text(encoding='utf-8'))
            if addresses and set(addresses) <= set(told) and _is_running(advert.parent):
                return advert.parent
    return None


def request(folder: Path, command: str) -> None:
    """Have a command executed, such as ``'restart 2'``."""
    with (folder / COMMANDS).open('a', encoding='utf-8') as file:
        file.write(f'{command}\n')


def _is_running(folder: Path) -> bool:
    """Whether a broker has the folder: it holds the lock beside it, however it may end."""
    with folder.with_suffix('.lock').open('a') as file:
        return not try_lock(file.fileno())
