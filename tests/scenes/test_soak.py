"""The small form of ``make soak``."""

import pytest

from tests.soak import Soak

pytestmark = [pytest.mark.broker, pytest.mark.slow]


def test_a_soak_of_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instances come and go and the broker restarts once: each alert is exact."""
    monkeypatch.setattr('tests.soak.SELDOM', 8.0)
    assert Soak(minutes=0.25, every=5.0).run() == []
