"""A log that is sent to Kafka by a handler of the root logger does not feed itself."""

import contextlib
import logging
import logging.handlers
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import producer
from client.log_records import NotSent
from errors import DeliveryError
from producer import send_msg
from tests.support.brokers import eventually
from tests.support.logread import values

mine = logging.getLogger('mine')


class ToKafka(logging.Handler):
    """As anybody would write it."""

    def __init__(self, topic: str, **options: Any) -> None:
        super().__init__()
        self.topic, self.options = topic, options
        self.errors: list[Any] = []

    def emit(self, record: logging.LogRecord) -> None:
        said = {'sender': record.name, 'contents': record.getMessage()[:100]}
        try:
            send_msg(self.topic, said, **self.options)
        except Exception as error:  # noqa: BLE001 - logging's own advice
            self.errors.append(error)


@contextlib.contextmanager
def on_root(handler: logging.Handler, level: int) -> Iterator[None]:
    """The handler is on the root logger, which lets everything of that level pass."""
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level)
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


def senders(topic: str) -> list[str]:
    """Whose log records were sent."""
    return [value['sender'] for value in values(topic)]


@pytest.mark.parametrize('level', [logging.INFO, logging.DEBUG], ids=['INFO', 'DEBUG'])
@pytest.mark.parametrize('block', [False, True], ids=['async', 'block'])
def test_a_root_handler_that_sends_does_not_feed_itself(
    level: int, block: bool, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    """From the first record on: each of the program's own arrives once, quickly, and no other.

    Other handlers see what the client logs, as ever.
    """
    handler = ToKafka(topic, block=block)
    began = time.monotonic()
    with on_root(handler, level):
        for _ in range(3):
            mine.warning('hello')
        producer.close()
        mine.warning('hello again')
        producer.flush()
    assert time.monotonic() - began < 6
    assert handler.errors == []
    assert senders(topic) == ['mine'] * 4
    assert any(record.name.startswith('kafka.') for record in caplog.records)


def test_records_that_come_by_a_queue_do_not_feed_themselves(topic: str) -> None:
    """A QueueListener handles them in a thread of its own: the rule holds there, too."""
    handler = ToKafka(topic)
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    listener = logging.handlers.QueueListener(waiting, handler)
    with on_root(logging.handlers.QueueHandler(waiting), logging.DEBUG):
        listener.start()
        mine.warning('hello')
        send_msg(topic, {'sender': 'red', 'contents': 'hello'}, block=True)
        mine.warning('hello again')
        listener.stop()
    producer.flush()
    assert sorted(senders(topic)) == ['mine', 'mine', 'red']


def test_what_is_logged_while_a_message_is_sent_is_not_sent(topic: str) -> None:
    """Whoever logs it: it would come again with each message that reports it."""

    class Talkative(dict[str, Any]):
        def get(self, *arguments: Any) -> Any:
            mine.warning('asked for %s', arguments)
            return super().get(*arguments)

    with on_root(ToKafka(topic), logging.INFO):
        send_msg(topic, Talkative(sender='red', contents='hello'), block=True)
        mine.warning('hello')
        producer.flush()
    assert senders(topic) == ['red', 'mine']


def test_what_we_log_in_the_clients_thread_is_not_sent(make_topic: Callable[..., str]) -> None:
    """A handler that waits for its message must not wait in the thread that it waits for."""
    topic, small = make_topic(), make_topic(**{'max.message.bytes': '100'})
    handler = ToKafka(topic, block=True)
    with on_root(handler, logging.WARNING):
        failed = send_msg(small, 'x' * 200)
        mine.warning('hello')
        eventually(failed.failed)
        mine.warning('hello again')
    assert handler.errors == []
    assert senders(topic) == ['mine'] * 2


def test_a_record_that_is_not_sent_has_a_promise_that_failed(topic: str) -> None:
    """It says why when it is asked, and only then."""
    found: list[Any] = []

    class Keeper(ToKafka):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(send_msg(self.topic, record.getMessage(), block=True))

    with on_root(Keeper(topic), logging.INFO):
        logging.getLogger('kafka.net').warning('of the client')
        logging.getLogger('kafka.net').warning('kept from the handler by now')
    (promise,) = found
    assert isinstance(promise, NotSent)
    assert promise.failed()
    with pytest.raises(DeliveryError, match='a log record about sending'):
        promise.get(timeout=1)
