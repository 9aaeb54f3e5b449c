"""The client tests run twice: with all accelerations and workarounds, and on the plain client.

Tests of a workaround's promise are left out where it is switched off; ``-rs`` lists them. With
``WORKSHOP_PLAIN_CLIENT=1`` everything runs once, on the plain client.
"""

import os

import pytest

from client.private_names import Workaround

__all__ = ['MODES', 'runs_twice', 'skip_without']

MODES = ['accelerated', 'plain']


def runs_twice(metafunc: pytest.Metafunc) -> bool:
    """Whether a test is marked `client`, speaks to a Kafka, and nobody chose a mode already."""
    test = metafunc.definition
    about_kafka = 'session_kafka' in metafunc.fixturenames or test.get_closest_marker('broker')
    return bool(
        test.get_closest_marker('client')
        and about_kafka
        and not os.environ.get('WORKSHOP_PLAIN_CLIENT')
    )


def skip_without(workaround: type[Workaround]) -> None:
    """Leave this test out if the workaround is switched off.

    Where it is off because kafka-python has changed, the test runs: the fault may be mended there.
    """
    if workaround.is_switched_off():
        reason = f'the workaround {workaround.name!r} is switched off, so its promise does not hold'
        pytest.skip(f'{reason}: {workaround.promise}')
