"""What Kafka refuses for good ends every loop at once, with the cause, the value and the cure."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from kafka import KafkaAdminClient, OffsetAndMetadata, TopicPartition
from kafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from alerts import AlertService
from broker import Broker
from consumer import get_consumer
from errors import ChatError
from producer import send_msg
from services import Service
from settings import client_options

pytestmark = [pytest.mark.broker, pytest.mark.client]

WORDS = {'sender': 'red', 'contents': 'hello ' + 500 * 'x'}
WITHIN = 15.0  # seconds; a loop that tried again would go on for ever


class Nothing(Service):
    """Reads."""

    def on_message(self, record: Any) -> None:
        pass


class Echo(AlertService):
    """Alerts about every message."""

    def process_message(self, message: Any) -> None:
        self.emit_alert(message)


def loop(group: str) -> None:
    """A loop over a consumer."""
    with closing(get_consumer('room', group_id=group, offset='earliest', timeout=2.0)) as reader:
        list(reader)


def service(group: str) -> None:
    """A service that works at least once."""
    Nothing('room', group, 'earliest').run(timeout=2.0)


def alerts(group: str) -> None:
    """A service that works exactly once."""
    Echo('room', 'alerts', group, 'earliest').run(timeout=2.0)


READERS = [loop, service, alerts]


@pytest.fixture(scope='module')
def strict() -> Iterator[Broker]:
    """A broker with narrow limits."""
    properties = {
        'group.min.session.timeout.ms': '10000',
        'group.max.size': '1',
        'group.initial.rebalance.delay.ms': '0',
        'offset.metadata.max.bytes': '10',
    }
    with Broker(properties=properties) as broker:
        yield broker


@pytest.fixture
def here(strict: Broker, clean_environment: None, monkeypatch: pytest.MonkeyPatch) -> str:
    """The library finds that broker; the session is long enough for it. A name for a group."""
    for name, value in strict.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv('KAFKA_SESSION_TIMEOUT_MS', '12000')
    send_msg('room', WORDS, block=True)
    return f'group-{time.monotonic_ns()}'


@contextmanager
def member_of(group: str, **options: Any) -> Iterator[Any]:
    """A member that has its partitions."""
    with closing(get_consumer('room', group_id=group, timeout=4.0, **options)) as member:
        deadline = time.monotonic() + 20
        while not member.assignment():
            assert time.monotonic() < deadline
            member.poll(100)
        yield member


def ends(run: Callable[[], Any], *says: str) -> None:
    """It ends within seconds, and says all that."""
    began = time.monotonic()
    with pytest.raises(ChatError) as caught:
        run()
    assert time.monotonic() - began < WITHIN
    assert [text for text in says if text not in str(caught.value)] == [], str(caught.value)


@pytest.mark.parametrize('read', READERS)
def test_a_session_timeout_that_is_not_allowed(
    here: str, monkeypatch: pytest.MonkeyPatch, read: Callable[..., None]
) -> None:
    """The value, the broker's limits, and the variable to set."""
    monkeypatch.setenv('KAFKA_SESSION_TIMEOUT_MS', '7000')
    cure = 'Set KAFKA_SESSION_TIMEOUT_MS'
    ends(lambda: read(here), 'session_timeout_ms=7000', cure, 'INVALID_SESSION_TIMEOUT')


@pytest.mark.parametrize('read', READERS)
def test_a_group_that_is_full(here: str, read: Callable[..., None]) -> None:
    """The broker allows no more members."""
    with member_of(here):
        ends(lambda: read(here), here, 'Use another', 'GROUP_MAX_SIZE_REACHED')


@pytest.mark.parametrize('read', READERS)
def test_a_group_with_another_assignor(topic: str, read: Callable[..., None]) -> None:
    """Its members share the partitions in another way."""
    send_msg('room', WORDS, block=True)
    with member_of(topic, partition_assignment_strategy=[StickyPartitionAssignor]):
        ends(lambda: read(topic), topic, 'range, roundrobin', 'INCONSISTENT_GROUP_PROTOCOL')


@pytest.mark.parametrize('kind', ['loop', 'service', 'alerts'])
def test_a_member_whose_place_was_taken(
    topic: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one has the same group_instance_id: the first is told when it commits."""
    monkeypatch.setenv('KAFKA_GROUP_INSTANCE_ID', 'desk')
    send_msg('room', WORDS, block=True)
    monkeypatch.setenv('KAFKA_MAX_POLL_RECORDS', '1')

    def take_over(*_: Any) -> None:
        with member_of(topic):
            pass

    def take_over_and_alert(*_: Any) -> str:
        take_over()
        return 'hello'

    def commit() -> None:
        with member_of(topic) as first:
            take_over()
            first.commit({TopicPartition('room', 0): OffsetAndMetadata(0, '', -1)})

    monkeypatch.setattr(Nothing, 'on_message', take_over)
    monkeypatch.setattr(Echo, 'get_alert_message', take_over_and_alert)
    run = {'loop': commit, 'service': lambda: service(topic), 'alerts': lambda: alerts(topic)}
    ends(run[kind], "group_instance_id='desk'", 'Use one of its own', 'FENCED_INSTANCE_ID')


def test_offsets_whose_metadata_the_broker_does_not_keep(here: str) -> None:
    """A durable alert service needs what it commits with its offsets."""
    ends(lambda: alerts(here), here, 'offset.metadata.max.bytes', 'OFFSET_METADATA_TOO_LARGE')


@pytest.mark.parametrize(
    ('topic', 'config', 'variables', 'says'),
    [
        ('small', {'max.message.bytes': '300'}, {}, ('small', 'max.message.bytes', 'TOO_LARGE')),
        ('no/topic', {}, {}, ("'no/topic' is no topic name",)),
        ('__consumer_offsets', {}, {}, ('__consumer_offsets', 'INVALID_TOPIC_EXCEPTION')),
        (
            'long',
            {},
            {'KAFKA_TRANSACTION_TIMEOUT_MS': '99999999'},
            ('99999999', 'INVALID_TRANSACTION_TIMEOUT'),
        ),
        ('ancient', {}, {'KAFKA_API_VERSION': '0.10.2'}, ('UNSUPPORTED_VERSION',)),
        ('one', {}, {'KAFKA_ACKS': '1'}, ('acks=1',)),
    ],
)
def test_alerts_that_cannot_be_written(
    kafka: Any,
    topic: str,
    config: dict[str, str],
    variables: dict[str, str],
    says: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A record too large, an illegal topic, a version or an option that does not fit."""
    room = f'room-{time.monotonic_ns()}'
    send_msg(room, WORDS, block=True)
    name = topic if says[0][:3] in ("'no", '__c') else f'{topic}-{room}'
    if config:
        with closing(KafkaAdminClient(**client_options('admin'))) as admin:
            topics = {name: {'num_partitions': 1, 'configs': config}}
            admin.create_topics(topics, wait_for_metadata=True)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    ends(lambda: Echo(room, name, room, 'earliest').run(timeout=2.0), *says)


@pytest.mark.parametrize('group', [None, 'durable'])
def test_a_dead_letter_that_is_refused_ends_the_service(topic: str, group: str | None) -> None:
    """The letters' topic takes nothing of that size: it is told, and not tried for ever."""
    with closing(KafkaAdminClient(**client_options('admin'))) as admin:
        config = {'num_partitions': 1, 'configs': {'max.message.bytes': '200'}}
        admin.create_topics({f'{topic}-dead': config}, wait_for_metadata=True)
    send_msg(topic, {'no': 'message', 'x': 'x' * 300}, key='k' * 300, block=True)
    offset = 'earliest'
    dead = f'{topic}-dead'
    watcher = Echo(topic, 'alerts', group and topic, offset, dead_letter_topic=dead)
    ends(lambda: watcher.run(timeout=2.0), dead)
