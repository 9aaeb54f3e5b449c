"""Tests of a workaround's promise are left out where it is switched off; ``-rs`` lists them."""

import pytest

from client.private_names import Workaround

__all__ = ['skip_without']


def skip_without(workaround: type[Workaround]) -> None:
    """Leave this test out if the workaround is switched off.

    Where it is off because kafka-python has changed, the test runs: the fault may be mended there.
    """
    if workaround.is_switched_off():
        reason = f'the workaround {workaround.name!r} is switched off, so its promise does not hold'
        pytest.skip(f'{reason}: {workaround.promise}')
