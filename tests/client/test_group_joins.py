"""Partitions are added under a running group: each member goes on, and all of them are read."""

import threading
import time
from contextlib import closing
from typing import Any

import pytest
from kafka import KafkaAdminClient

from client.group_joins import SeenThroughJoin
from consumer import get_consumer
from producer import flush, send_msg
from settings import client_options
from tests.support.plain import skip_without
from tests.support.testkafka import Kafka

pytestmark = pytest.mark.client

WITHIN = 10.0  # seconds: metadata is at most 5 s old, and a rebalance takes a moment


class Member(threading.Thread):
    """A member of a group that polls as services do: often, and for a short time."""

    def __init__(self, topic: str, group_id: str) -> None:
        super().__init__(daemon=True)
        self.consumer = get_consumer(topic, group_id=group_id, offset='earliest')
        self.found: list[Any] = []
        self.stopping = threading.Event()
        self.start()

    def run(self) -> None:
        while not self.stopping.is_set():
            for records in self.consumer.poll(timeout_ms=50).values():
                self.found += [record.value for record in records]
        self.consumer.close()

    def stop(self) -> None:
        self.stopping.set()
        self.join(10)


class Talker(threading.Thread):
    """Sends numbers until it is stopped, each with a key of its own."""

    def __init__(self, topic: str) -> None:
        super().__init__(daemon=True)
        self.topic, self.sent, self.stopping = topic, 0, threading.Event()
        self.start()

    def run(self) -> None:
        while not self.stopping.wait(0.012):
            send_msg(self.topic, self.sent, key=f'k{self.sent % 50}')
            self.sent += 1
        flush()


def grow_under_a_group(topic: str, members: int) -> None:
    """From one partition to three, with that many members and 80 messages a second."""
    skip_without(SeenThroughJoin)
    group = [Member(topic, f'{topic}-group') for _ in range(members)]
    talker = Talker(topic)
    try:
        wait_for(lambda: any(member.consumer.assignment() for member in group), 20.0)
        with closing(KafkaAdminClient(**client_options('admin'))) as admin:
            admin.create_partitions({topic: 3})
        wait_for(lambda: sum(len(member.consumer.assignment()) for member in group) == 3, WITHIN)
        talker.stopping.set()
        talker.join(15)
        wait_for(lambda: sum(len(member.found) for member in group) >= talker.sent, WITHIN)
    finally:
        talker.stopping.set()
        for member in group:
            member.stop()
    found = sorted(value for member in group for value in member.found)
    assert sorted(set(found)) == list(range(talker.sent))


def wait_for(condition: Any, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f'not within {timeout:g} s'
        time.sleep(0.02)


@pytest.mark.parametrize('members', [1, 2])
def test_new_partitions_are_read_within_seconds(topic: str, members: int) -> None:
    """A topic grows from one to three partitions under a busy group."""
    grow_under_a_group(topic, members)


@pytest.mark.torture
@pytest.mark.parametrize('trial', range(50))
def test_new_partitions_in_fifty_trials(kafka: Kafka, topic: str, trial: int) -> None:
    """The same, fifty times with two members."""
    grow_under_a_group(topic, 2)
