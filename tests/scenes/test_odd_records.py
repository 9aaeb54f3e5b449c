"""Records and arguments that nobody would send on purpose.

They stop no loop and no service, and cost no message beside them.
"""

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

import producer
from alerts import OffensiveContentAlertService
from consumer import get_consumer
from deadletters import forward, redrive
from errors import AccessError, ChatError, DeliveryError, MessageError
from processing.replay import causes
from processing.throttle import Throttle
from producer import get_producer, send_msg
from room.records import fetch_record
from schemas import HumanMessage
from services import Rekey
from tests.support.logread import records, values
from tests.support.reading import Get, readers
from tests.test_alerts import hear, running

MakeTopic = Callable[..., str]
TOO_EARLY = datetime(1, 1, 1)  # noqa: DTZ001 - a learner gives no time zone either


class NoText(str):
    """The name of a header that another client made of any bytes."""

    __slots__ = ()

    def encode(self, *_: Any, **__: Any) -> bytes:
        return b'\xff\xfe'


@pytest.fixture
def get(kafka: Any) -> Iterator[Get]:
    """get_consumer, whose consumers are closed after the test."""
    with readers() as get:
        yield get


def test_a_header_that_is_no_text_is_shown_and_stops_nothing(topic: str, get: Get) -> None:
    """The name of a header may be any bytes to other clients."""
    send_msg(topic, 1, block=True)
    get_producer().send(topic, b'2', headers=[(NoText('name'), b'value')]).get(10)
    send_msg(topic, 3, block=True)
    found = [
        (record.value, record.headers) for record in get(topic, offset='earliest', timeout=1.0)
    ]
    assert found == [(1, []), (2, [(r'\xff\xfe', b'value')]), (3, [])]
    assert fetch_record(topic, 0, 1).headers == [(r'\xff\xfe', b'value')]


@pytest.mark.parametrize('group', [None, 'large'], ids=['view', 'group'])
def test_a_large_message_is_alerted_about_in_short(
    topic: str, make_topic: MakeTopic, group: str | None
) -> None:
    """An alert that would not fit into its topic is cut; the next one is whole."""
    alerts = make_topic()
    with running(
        OffensiveContentAlertService(topic, alerts, group and f'{group}-{topic}', words=['damn'])
    ):
        send_msg(topic, {'sender': 'red', 'contents': 'damn ' * 120_000}, block=True)
        send_msg(topic, {'sender': 'red', 'contents': 'damn'}, block=True)
        found = hear(alerts, 2)
    assert [len(record.value['triggered_by']['contents']) for record in found] == [1000, 4]


def test_a_large_letter_is_cut_and_not_sent_again(topic: str, get: Get, caplog: Any) -> None:
    """A record that leaves no room for a letter's headers is kept in part, and the loop goes on."""
    send_msg(topic, {'sender': 'red', 'contents': 'one'}, block=True)
    get_producer().send(topic, b'?' * 1_048_400).get(10)
    send_msg(topic, {'sender': 'red', 'contents': 'two'}, block=True)
    dead = f'{topic}.dead'
    c = get(topic, offset='earliest', schema=HumanMessage, dead_letter_topic=dead, timeout=1.0)
    assert [record.value['contents'] for record in c] == ['one', 'two']
    (letter,) = records(dead)
    assert (len(letter.value), dict(letter.headers)['dead-letter-cut']) == (500_000, b'1048400')
    redrive(dead, group_id=topic, timeout=0.5)
    assert 'too large to be kept whole' in caplog.text
    assert len(records(topic)) == 3


def test_a_letter_that_is_refused_loses_nothing_beside_it(
    topic: str, make_topic: MakeTopic, get: Get
) -> None:
    """The loop ends with an error and stands before the batch.

    A later send is not made to pay for it.
    """
    for number in range(3):
        send_msg(topic, {'sender': 'red', 'contents': str(number)}, block=True)
    get_producer().send(topic, b'no json').get(10)
    dead = make_topic(**{'max.message.bytes': '10'})
    c = get(topic, offset='earliest', schema=HumanMessage, dead_letter_topic=dead, timeout=1.0)
    for _ in range(2):
        with pytest.raises(DeliveryError, match='did not reach'):
            next(c)
    send_msg(topic, {'sender': 'red', 'contents': 'after'}, block=True)
    assert c.position(next(iter(c.assignment()))) == 0


def test_letters_do_not_go_round_in_circles(topic: str, get: Get) -> None:
    """What a reader that was not repaired forwards again is left for the next redrive.

    And no topic takes its own dead letters.
    """
    dead = f'{topic}.dead'
    get_producer().send(topic, b'no json').get(10)
    c = get(topic, offset='earliest', schema=HumanMessage, dead_letter_topic=dead, timeout=1.0)
    assert list(c) == []
    stop = threading.Event()

    def read() -> None:
        while not stop.is_set():
            c.poll(100)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        assert redrive(dead, group_id=topic, timeout=1.0) == 1
    finally:
        stop.set()
        reader.join()
    with pytest.raises(MessageError, match='read again for ever'):
        get_consumer(topic, dead_letter_topic=topic)
    with pytest.raises(MessageError, match='copied to itself'):
        Rekey(topic, topic)


def test_redrive_says_what_is_missing(kafka: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that is not there, or no Kafka, is an error that tells the way out.

    No topic is made by asking.
    """
    with pytest.raises(AccessError, match=r"There is no topic 'nobody\.dead'"):
        redrive('nobody.dead')
    with pytest.raises(MessageError, match='no topic name'):
        redrive('no name')
    monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', '127.0.0.1:1')
    with pytest.raises(ChatError, match='refused'):
        redrive('nobody.dead')


def test_a_loop_and_poll_give_each_record_once(topic: str, get: Get) -> None:
    """What a loop that was left has not given comes with the next poll, and only that."""
    for number in range(6):
        send_msg(topic, number, block=True)
    c = get(topic, offset='earliest', timeout=1.0)
    first = []
    for record in c:
        first.append(record.value)
        if len(first) == 3:
            break
    polled = [record.value for records in c.poll(2000).values() for record in records]
    assert (first, polled, [record.value for record in c]) == ([0, 1, 2], [3, 4, 5], [])


def test_no_time_to_wait_is_one_look(topic: str, get: Get) -> None:
    """timeout=0 gives what is there already."""
    send_msg(topic, 1, block=True)
    c = get(topic, offset='earliest', timeout=1.0)
    assert next(c).value == 1
    send_msg(topic, 2, block=True)
    c.config['consumer_timeout_ms'] = 0
    deadline = time.monotonic() + 5
    while not (found := list(c)):
        assert time.monotonic() < deadline, 'nothing was looked at'
    assert [record.value for record in found] == [2]


@pytest.mark.parametrize(
    ('arguments', 'says'),
    [
        ({'group_id': ''}, 'is not the name of a group'),
        ({'group_id': 5}, 'is not the name of a group'),
        ({'group_id': '\ud800'}, 'is not the name of a group'),
        ({'schema': {'sender': str}}, 'not a schema'),
        ({'dead_letter_topic': 'no name'}, 'no topic name'),
        ({'offset': TOO_EARLY}, 'a time that this system does not know'),
    ],
    ids=str,
)
def test_an_argument_that_makes_no_sense_is_told(
    topic: str, arguments: dict[str, Any], says: str
) -> None:
    """At once, by get_consumer's own error."""
    with pytest.raises(MessageError, match=says):
        get_consumer(topic, **arguments)


def test_a_foreign_cause_is_no_cause(topic: str) -> None:
    """Headers of another client that happen to have our name end no bot."""
    for data in (b'\xff', b'somewhere/0/1'):
        get_producer().send(topic, b'1', headers=[('because', data)]).get(10)
    assert 'somewhere/0/1' in causes(topic)


def test_a_failed_letter_is_counted(topic: str, make_topic: MakeTopic) -> None:
    """After a letter that is refused the producer is made anew, for whoever sends next."""
    send_msg(topic, 1, block=True)
    get_producer().send(topic, b'no json').get(10)
    (record,) = list(get_consumer(topic, offset=0, timeout=0.5))[:1]
    bad = record._replace(value=type('Bad', (), {'data': b'?' * 100, 'why': 'why'})(), key=None)
    with pytest.raises(DeliveryError):
        forward(make_topic(**{'max.message.bytes': '10'}), bad)
    assert send_msg(topic, 2, block=True).succeeded()


def test_closing_beside_sending_threads_loses_no_message(topic: str) -> None:
    """close() in one thread, while others send.

    They get a new producer, and no error of the client's.
    """
    failures: list[BaseException] = []

    def talk(name: int) -> None:
        try:
            for number in range(300):
                send_msg(topic, [name, number], block=number % 10 == 0)
        except BaseException as error:  # noqa: BLE001 - told below
            failures.append(error)

    threads = [threading.Thread(target=talk, args=[name]) for name in range(2)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        producer.close()
        time.sleep(0.05)
    assert failures == []
    producer.flush()
    found = values(topic)
    assert sorted(found) == [[name, number] for name in range(2) for number in range(300)]


def test_quiet_senders_are_forgotten_without_a_limit() -> None:
    """limit=0 with a repeat_interval remembers nobody longer than that."""
    throttle = Throttle(limit=0, duration=1.0, repeat_interval=1.0)
    for number in range(1000):
        throttle.over(f'sender {number}', float(number))
    assert len(throttle.carried) < 10
