"""Sending and reading in a test: loops that end, consumers that are closed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import producer
from consumer import get_consumer
from producer import send_msg

Get = Callable[..., Any]


@contextmanager
def readers() -> Iterator[Get]:
    """get_consumer, whose consumers are closed at the end.

    Whose loops end after 5 s of silence.
    """
    made = []

    def get(*topics: str, **options: Any) -> Any:
        made.append(get_consumer(*topics, **({'timeout': 5.0} | options)))
        return made[-1]

    yield get
    for each in made:
        each.close()


def send(topic: str, *values: Any, **options: Any) -> None:
    """Send, and wait until it is there."""
    for value in values:
        send_msg(topic, value, **options)
    producer.flush()


def take(count: int, reader: Any) -> list[Any]:
    """The values of the next so many records; the loop is left as a learner would, by break."""
    found: list[Any] = []
    for msg in reader:
        found.append(msg.value)
        if len(found) == count:
            break
    return found


def rest(reader: Any, timeout: float = 1.0) -> list[Any]:
    """The values of all that comes until it is silent."""
    reader.config['consumer_timeout_ms'] = timeout * 1000
    return [msg.value for msg in reader]
