"""What there is to be mistaken about: brokers and servers, each started at its first use.

Used by test_mistakes.py.
"""

import functools
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, closing

import trustme
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from broker import Broker
from connection.redaction import Options

Settings = dict[str, str]


class Rig:
    """The brokers and servers, and what is to be repaired after a test."""

    def __init__(self, stack: ExitStack) -> None:
        self.stack = stack
        # What puts right again what a mistake has broken.
        self.repairs: list[Callable[[], None]] = []

    @functools.cached_property
    def secure(self) -> Broker:
        """A broker with every kind of listener.

        Its visitor may read one topic, but with no group.
        """
        broker = self.stack.enter_context(Broker(secure=True))
        options = Options(
            {name.removeprefix('KAFKA_').lower(): value for name, value in broker.env().items()}
        )
        with closing(KafkaAdminClient(**options)) as admin:
            admin.create_topics(
                {'readable': {'num_partitions': 1}, 'closed': {'num_partitions': 1}},
                wait_for_metadata=True,
            )
            topic = ResourcePattern(ResourceType.TOPIC, 'readable')
            admin.create_acls(
                [ACL('User:visitor', '*', ACLOperation.READ, ACLPermissionType.ALLOW, topic)]
            )
        return broker

    @functools.cached_property
    def strict(self) -> Broker:
        """A broker that creates no topics and takes small messages only."""
        properties = {'auto.create.topics.enable': 'false', 'message.max.bytes': '10000'}
        broker = self.stack.enter_context(Broker(properties=properties))
        with closing(KafkaAdminClient(bootstrap_servers=broker.bootstrap_servers)) as admin:
            admin.create_topics({'there': {'num_partitions': 1}}, wait_for_metadata=True)
        return broker

    @functools.cached_property
    def elsewhere(self) -> Broker:
        """A broker that advertises a name which only its own network knows."""
        return self.stack.enter_context(
            Broker(properties={'advertised.listeners': 'PLAINTEXT://kafka.invalid:29092'})
        )

    @functools.cached_property
    def strange_ca(self) -> trustme.CA:
        """An authority that no broker here knows."""
        return trustme.CA()

    def server(self, answer: bytes | None) -> Settings:
        """Something that is not Kafka, and gives everybody the same answer (None: none)."""
        listener = self.stack.enter_context(socket.create_server(('127.0.0.1', 0)))

        def serve() -> None:
            while True:
                try:
                    line = self.stack.enter_context(listener.accept()[0])
                except OSError:
                    return
                if answer is not None:
                    line.recv(1000)
                    line.sendall(answer)
                    line.close()

        threading.Thread(target=serve, daemon=True).start()
        return at(listener.getsockname()[1])


def at(port: int, host: str = '127.0.0.1', **more: str) -> Settings:
    """The settings for an address, KAFKA_ in front of each name."""
    variables = {f'KAFKA_{name}': value for name, value in more.items()}
    return {'KAFKA_BOOTSTRAP_SERVERS': f'{host}:{port}', **variables}


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(('127.0.0.1', 0)) as listener:
        return int(listener.getsockname()[1])
