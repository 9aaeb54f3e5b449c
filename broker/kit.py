"""The kit: all that the workshop downloads, in one folder, for a class without internet.

Used in step 0, where Kafka's jars are fetched; the Makefile gives pip the kit's wheels. `make kit`
makes one. The one idea to take away: what has a checksum may come from anywhere, so a memory stick
or the teacher's laptop will do.
"""

import os
import shutil
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from errors import BrokerError

__all__ = ['CHECKSUMS', 'FOLDER', 'Kit', 'find']

CHECKSUMS = 'kit.sha256'  # lists the files of a kit; what holds it is one
FOLDER = 'workshop-kit'
NONE = 'none'
NETWORK_TIMEOUT = 30  # seconds
ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Kit:
    """A kit.

    Args:
        address: its folder, or where it is served: ``'http://192.168.1.5:8000'``.
    """

    address: str

    def take(self, name: str, target: Path) -> bool:
        """Copy a file out of the kit. Whoever takes it checks it.

        Args:
            name: its name in the kit, ``'jars/kafka_2.13-4.4.0.jar'``.
            target: the copy.

        Returns:
            Whether the kit has it.

        Raises:
            BrokerError: the kit does not answer, or cannot be read.
        """
        try:
            if _is_served(self.address):
                self._download(name, target)
            else:
                shutil.copyfile(Path(self.address, name), target)
        except (FileNotFoundError, urllib.error.HTTPError) as error:
            if getattr(error, 'code', 404) == 404:
                return False
            raise self._unreadable(name, error) from error
        except OSError as error:
            raise self._unreadable(name, error) from error
        return True

    def _download(self, name: str, target: Path) -> None:
        url = f'{self.address}/{name}'
        with (
            urllib.request.urlopen(url, timeout=NETWORK_TIMEOUT) as answer,  # noqa: S310 - http
            target.open('wb') as copy,
        ):
            shutil.copyfileobj(answer, copy)

    def _unreadable(self, name: str, error: OSError) -> BrokerError:
        return BrokerError(
            f'{name} cannot be read from the kit {self.address}: {error}. Set WORKSHOP_KIT to '
            'another folder or address, or to none: then Kafka is downloaded from the internet.'
        )


def find() -> Kit | None:
    """The kit that ``WORKSHOP_KIT`` names, or the one beside the project.

    Beside the project is the folder ``workshop-kit`` next to it, or the kit that it lies in.

    Raises:
        BrokerError: what ``WORKSHOP_KIT`` names is no kit.
    """
    named = os.environ.get('WORKSHOP_KIT', '')
    if named == NONE:
        return None
    if _is_served(named):
        return Kit(named.rstrip('/'))
    if named:
        folder = Path(named).expanduser().absolute()
        if not (folder / CHECKSUMS).is_file():
            raise BrokerError(
                f'WORKSHOP_KIT={named} is no kit: there is no {folder / CHECKSUMS}. '
                '`make kit` makes one, where there is internet.'
            )
        return Kit(str(folder))
    for folder in (ROOT.parent, ROOT.parent / FOLDER):
        if (folder / CHECKSUMS).is_file():
            return Kit(str(folder))
    return None


def _is_served(address: str) -> bool:
    return address.startswith(('http://', 'https://'))
