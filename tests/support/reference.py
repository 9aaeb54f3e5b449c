"""Which messages deserve an alert, by counting: slow, simple, and sharing nothing with the code."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

__all__ = ['message_times', 'throttled']

Message = tuple[int, str, float]  # partition, sender, timestamp in seconds


def message_times(messages: Iterable[Message]) -> Iterator[tuple[int, str, float]]:
    """The rule: a message is at the latest of three times. Nothing here is from the future.

    What two senders of its partition agree on (the second highest of the latest timestamps of
    all), its timestamp, and the latest one of its sender.
    """
    latest: dict[int, dict[str, float]] = defaultdict(dict)
    for partition, sender, sent in messages:
        here = latest[partition]
        here[sender] = max(sent, here.get(sender, sent))
        agreed = sorted(here.values())[-2] if len(here) > 1 else sent
        yield partition, sender, max(agreed, here[sender])


def throttled(
    messages: list[Message], limit: int, duration: float, repeat: float = 0.0
) -> list[bool]:
    """Whether each message deserves an alert."""
    said: dict[tuple[int, str], list[float]] = defaultdict(list)
    loud: dict[tuple[int, str], float] = {}
    found = []
    for partition, sender, now in message_times(messages):
        who = (partition, sender)
        said[who] = [before for before in said[who] if before > now - duration] + [now]
        quiet = repeat > 0 and who in loud and now - loud[who] < repeat
        found.append(len(said[who]) > limit and not quiet)
        if found[-1]:
            loud[who] = now
    return found
