"""How often a visitor may do something, with a made-up clock."""

from room.rate_limits import MOST_VISITORS, RateLimit


def test_limits_are_for_each_visitor_and_expire() -> None:
    """Each visitor has a limit of their own, and may act again when the window has passed.

    The number of visitors that are remembered is bounded.
    """
    now = 0.0
    limit = RateLimit(count=2, seconds=10.0, clock=lambda: now)
    assert [limit.allow('ann') for _ in range(3)] == [True, True, False]
    assert limit.allow('bob')
    now = 9.9
    assert not limit.allow('ann')
    now = 10.0
    assert limit.allow('ann')
    for number in range(5000):
        limit.allow(str(number))
    assert len(limit._times) <= MOST_VISITORS == 2000
