"""compose.yaml: the broker that a learner with Docker starts."""

import re

from tests.support.kafka_container import compose_service
from tests.support.testkafka import IMAGE


def test_the_broker_tells_clients_an_address_that_they_can_reach() -> None:
    """The advertised address is where the published port is, on this machine only."""
    service = compose_service()
    assert service['ports'] == ['127.0.0.1:9092:9092']
    assert service['environment']['KAFKA_ADVERTISED_LISTENERS'] == 'PLAINTEXT://localhost:9092'
    assert 'PLAINTEXT://:9092' in service['environment']['KAFKA_LISTENERS'].split(',')


def test_every_listener_has_a_protocol() -> None:
    """Each listener's name is in the protocol map.

    The two that Kafka uses itself are among them.
    """
    environment = compose_service()['environment']
    names = {listener.split('://')[0] for listener in environment['KAFKA_LISTENERS'].split(',')}
    mapped = {
        pair.split(':')[0]
        for pair in environment['KAFKA_LISTENER_SECURITY_PROTOCOL_MAP'].split(',')
    }
    assert names == mapped
    assert {
        environment['KAFKA_INTER_BROKER_LISTENER_NAME'],
        environment['KAFKA_CONTROLLER_LISTENER_NAMES'],
    } == names


def test_a_learners_env_file_never_reaches_the_broker() -> None:
    """Neither an env_file nor a variable hands `.env` on.

    The image would take each KAFKA_ line for a broker property.
    """
    service = compose_service()
    assert 'env_file' not in service
    assert '$' not in str(service)
    assert all(isinstance(value, str) for value in service['environment'].values())


def test_messages_outlive_the_container() -> None:
    """Kafka's data folder is on the volume."""
    service = compose_service()
    assert f'messages:{service["environment"]["KAFKA_LOG_DIRS"]}' in service['volumes']


def test_the_health_check_asks_kafka() -> None:
    """Healthy means that Kafka answers a request at the address clients are told."""
    service = compose_service()
    kind, tool, *arguments = service['healthcheck']['test']
    assert kind == 'CMD'
    assert re.fullmatch(r'/opt/kafka/bin/kafka-\S+\.sh', tool)
    assert arguments == ['--bootstrap-server', 'localhost:9092']


def test_it_is_the_kafka_that_the_tests_run_on() -> None:
    """Compose and testcontainer name the same image."""
    assert compose_service()['image'] == IMAGE
