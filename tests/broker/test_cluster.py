"""Three brokers on one machine: what was acknowledged is there once, whichever of them fails."""

import gc
import itertools
import os
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError

import settings
from broker import Broker, console, storage
from broker.leaders import log_end
from client.chat_producer import ChatProducer
from connection import diagnosis
from errors import BrokerError
from tests.support.brokers import eventually, gone, options, read, send

pytestmark = [
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.skipif(os.name != 'posix', reason='freezes processes, which needs POSIX'),
    # kafka-python forgets the sockets of refused connections
    pytest.mark.filterwarnings('ignore:unclosed <socket:ResourceWarning'),
]
MESSAGES = 400


@pytest.fixture(autouse=True)
def forgotten_sockets() -> Iterator[None]:
    """Sockets that kafka-python forgot are collected while nobody minds."""
    yield
    gc.collect()


@pytest.fixture(scope='module')
def cluster() -> Iterator[Broker]:
    """Three brokers; whoever breaks one mends it."""
    with Broker(brokers=3) as brokers:
        yield brokers


def _describe(cluster: Broker, topic: str) -> dict[str, list[int]]:
    admin = KafkaAdminClient(**options(cluster.env()))
    try:
        (partition,) = admin.describe_topics([topic])[0]['partitions']
        return {
            'leader': [partition['leader_id']],
            'replicas': partition['replica_nodes'],
            'in sync': partition['isr_nodes'],
        }
    finally:
        admin.close()


def test_topics_are_kept_three_times(cluster: Broker) -> None:
    """A new topic has a copy on each broker, and the addresses of all three are given out."""
    assert len(cluster.bootstrap_servers.split(',')) == 3
    send(cluster.env(), 'copies', b'x')
    assert sorted(_describe(cluster, 'copies')['replicas']) == [1, 2, 3]


def test_two_copies_must_be_in_sync(cluster: Broker) -> None:
    """With one broker left, no message is acknowledged that must be on two; with two it is."""
    send(cluster.env(), 'minimum', b'1')
    leader = _describe(cluster, 'minimum')['leader'][0]
    others = [node for node in cluster.nodes if node != leader]
    for node in others:
        cluster.kill(node)
    producer = ChatProducer(
        **options({'KAFKA_BOOTSTRAP_SERVERS': cluster.bootstrap_servers}),
        delivery_timeout_ms=3000,
        request_timeout_ms=1000,
    )
    with pytest.raises(KafkaError):
        producer.send('minimum', b'2').get(10)
    producer.close_now()  # the client's own close raises where something was not delivered
    for node in others:
        cluster.restart(node)
    send(cluster.env(), 'minimum', b'3')


@pytest.mark.torture  # test_nothing_lost.py kills and freezes a leader in the suite
@pytest.mark.parametrize(
    ('fault', 'cure'), [('kill', 'restart'), ('pause', 'resume'), ('restart', '')]
)
def test_what_was_acknowledged_is_there_once(cluster: Broker, fault: str, cure: str) -> None:
    """While messages are sent, the leader is killed, frozen or restarted.

    Each acknowledged message is in the log once, in order.
    """
    topic = f'numbered-{fault}'
    send(cluster.env(), topic, b'begin')
    leader = _describe(cluster, topic)['leader'][0]
    faults: list[Callable[[], None]] = [lambda: getattr(cluster, fault)(leader)]
    breaking = threading.Thread(target=faults[0])
    producer = ChatProducer(
        **options(cluster.env()), reconnect_backoff_max_ms=500, request_timeout_ms=4000
    )
    promises = []
    for number in range(MESSAGES):
        promises.append(producer.send(topic, b'%d' % number))
        if number == MESSAGES // 4:
            promises[-1].get(30)
            breaking.start()
        time.sleep(0.005)
    try:
        for promise in promises:
            promise.get(30)
    finally:
        breaking.join()
        if cure:
            getattr(cluster, cure)(leader)
        producer.close(timeout=1)
    values = read(cluster.env(), topic, MESSAGES + 1)
    assert values == [b'begin', *(b'%d' % number for number in range(MESSAGES))]
    eventually(lambda: len(_describe(cluster, topic)['in sync']) == 3, 30)


def test_the_way_in_warns_of_replicas_that_are_gone(cluster: Broker) -> None:
    """A thorough walk finds out which replicas are gone, and warns; with all three it does not.

    It asks every broker, because what the last of three says of the others is old.
    """
    send(cluster.env(), 'gaps', b'1')

    def warnings() -> list[str]:
        told: list[tuple[str, str]] = []
        servers = settings.client_options('producer', **options(cluster.env()))
        diagnosis.check_connection(
            servers,
            ['gaps'],
            report=lambda stage, text: told.append((stage, text)),
            check_replicas=True,
        )
        return [text for stage, text in told if stage == 'WARNING']

    assert warnings() == []
    try:
        cluster.kill(2)
        cluster.kill(3)
        (warning,) = warnings()
    finally:
        cluster.restart(2)
        cluster.restart(3)
    assert warning.startswith('gaps, partition 0: 1 of 3 replicas are in sync.')
    eventually(lambda: warnings() == [], 30)


def test_a_restarted_broker_has_its_port_and_data_again(cluster: Broker) -> None:
    """restart() starts the same broker again: another process, the same address."""
    address, before = cluster.bootstrap_servers, cluster.pid(2)
    cluster.restart(2)
    assert before is not None
    assert gone(before)
    assert cluster.pid(2) not in (None, before)
    assert cluster.bootstrap_servers == address


def _back_with(first: int, second: int, cluster: Broker) -> float:
    """Kill all three, restart two, and see that nothing acknowledged is lost; then the third.

    Returns how many seconds the second one took.
    """
    topic = f'all-killed-{first}-{second}'
    numbers = [b'%d' % number for number in range(MESSAGES)]
    send(cluster.env(), topic, *numbers)
    for node in cluster.nodes:
        cluster.kill(node)
    assert console.execute(cluster, f'restart {first}') == (
        f'Broker {first} waits for another: two of three are needed.'
    )
    waiting = cluster.pid(first)
    begun = time.monotonic()
    assert console.execute(cluster, f'restart {second}') == f'Broker {second} was restarted.'
    seconds = time.monotonic() - begun
    assert cluster.pid(first) == waiting
    send(cluster.env(), topic, b'afterwards')
    assert read(cluster.env(), topic, MESSAGES + 1) == [*numbers, b'afterwards']
    logs = [storage.node_folder(cluster._folder, node) / f'{topic}-0' for node in (first, second)]
    eventually(lambda: [log_end(log)[1] for log in logs] == [MESSAGES + 1] * 2)
    (third,) = set(cluster.nodes) - {first, second}
    cluster.restart(third)
    return seconds


def test_two_of_three_bring_a_cluster_back(cluster: Broker) -> None:
    """The first one waits, and is left running; with the second one both serve."""
    _back_with(3, 1, cluster)


@pytest.mark.torture
@pytest.mark.parametrize(('first', 'second'), list(itertools.permutations((1, 2, 3), 2)))
def test_any_two_of_three_bring_a_cluster_back(first: int, second: int, cluster: Broker) -> None:
    """In each order of two, within 20 s; whichever was the last in-sync replica."""
    assert _back_with(first, second, cluster) < 20


def test_a_broker_that_is_not_there_is_told(cluster: Broker) -> None:
    """Brokers are numbered from 1; any other number is an error that names them."""
    for number in (0, 4):
        with pytest.raises(BrokerError, match=f'no broker {number} here. Say one of: 1, 2, 3'):
            cluster.kill(number)
