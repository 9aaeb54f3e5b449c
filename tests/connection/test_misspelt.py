"""Variables of other programs are left alone; a misspelt one of ours is told."""

import itertools
from typing import Any

import pytest

import settings
from errors import SettingsError

SERVICES = ('', 'BOOTSTRAP_', 'BROKERS_', 'HEADLESS_', 'CLIENT_', 'METRICS_', 'UI_', 'CONNECT_')
LINKS = (
    'SERVICE_HOST',
    'SERVICE_PORT',
    'SERVICE_PORT_TCP_CLIENT',
    'PORT',
    'PORT_9092_TCP',
    'PORT_9092_TCP_ADDR',
    'PORT_9092_TCP_PORT',
    'PORT_9092_TCP_PROTO',
)
OTHERS = """
HOME VERSION OPTS HEAP_OPTS JMX_OPTS JMX_PORT JMX_HOSTNAME LOG4J_OPTS LOG4J_ROOT_LOGLEVEL
JVM_PERFORMANCE_OPTS GC_LOG_OPTS DEBUG SCALA_VERSION BROKER_ID NODE_ID PROCESS_ROLES CLUSTER_ID
LISTENERS ADVERTISED_LISTENERS ADVERTISED_HOST_NAME ADVERTISED_PORT LISTENER_SECURITY_PROTOCOL_MAP
INTER_BROKER_LISTENER_NAME CONTROLLER_QUORUM_VOTERS CONTROLLER_LISTENER_NAMES ZOOKEEPER_CONNECT
LOG_DIRS LOG_DIR LOG_RETENTION_MS LOG_RETENTION_HOURS NUM_PARTITIONS DEFAULT_REPLICATION_FACTOR
AUTO_CREATE_TOPICS_ENABLE DELETE_TOPIC_ENABLE MESSAGE_MAX_BYTES MIN_INSYNC_REPLICAS CREATE_TOPICS
OFFSETS_TOPIC_REPLICATION_FACTOR TRANSACTION_STATE_LOG_MIN_ISR GROUP_INITIAL_REBALANCE_DELAY_MS
SSL_KEYSTORE_LOCATION SSL_KEYSTORE_PASSWORD SSL_KEY_PASSWORD SSL_KEY_CREDENTIALS SSL_CLIENT_AUTH
SSL_TRUSTSTORE_LOCATION SASL_ENABLED_MECHANISMS SASL_MECHANISM_INTER_BROKER_PROTOCOL CLIENT_USERS
CLIENT_PASSWORDS SUPER_USERS AUTHORIZER_CLASS_NAME CLUSTERS_0_NAME CLUSTERS_0_BOOTSTRAPSERVERS
CFG_NODE_ID CFG_LISTENERS KRAFT_CLUSTER_ID REST_PROXY_HOST BROKERS TOPIC TOPICS USER PASSWORD
""".split()  # noqa: SIM905 - words read better without quotes
FOREIGN = [f'KAFKA_{service}{link}' for service, link in itertools.product(SERVICES, LINKS)]
FOREIGN += [f'KAFKA_{name}' for name in OTHERS]


def test_what_others_set_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes and Kafka's images set more than a hundred variables; none stops a client."""
    assert len(FOREIGN) > 120
    for name in FOREIGN:
        monkeypatch.setenv(name, 'tcp://10.0.0.1:9092')
    for client in ('producer', 'consumer', 'admin'):
        assert settings.client_options(client)['bootstrap_servers'] == 'localhost:9092'


@pytest.mark.parametrize(
    ('name', 'meant'),
    [
        ('KAFKA_BOOTSTRAP_SERVER', 'KAFKA_BOOTSTRAP_SERVERS'),
        ('KAFKA_BOOTSTRAP_SEVRERS', 'KAFKA_BOOTSTRAP_SERVERS'),
        ('KAFKA_BOOSTRAP_SERVER', 'KAFKA_BOOTSTRAP_SERVERS'),
        ('KAFKA_SECURITY_PROTOCOLL', 'KAFKA_SECURITY_PROTOCOL'),
        ('KAFKA_SASL_MECHANISMS', 'KAFKA_SASL_MECHANISM'),
        ('KAFKA_SSL_CA_FILE', 'KAFKA_SSL_CAFILE'),
        ('KAFKA_SASL_PLAIN_USER_NAME', 'KAFKA_SASL_PLAIN_USERNAME'),
        ('KAFKA_ACK', 'KAFKA_ACKS'),
        ('KAFKA_PREFX', 'KAFKA_PREFIX'),
    ],
)
def test_a_slip_in_an_option_of_ours_is_told(
    name: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A letter too many, too few or another, or two that have changed places."""
    monkeypatch.setenv(name, 'value')
    with pytest.raises(SettingsError, match=f'{name} .*Did you mean {meant}'):
        settings.client_options('producer')


@pytest.mark.parametrize('name', ['KAFKA_VERSION', 'KAFKA_BROKERS', 'KAFKA_HEAP_OPTS'])
def test_in_the_file_every_unknown_name_is_told(name: str, env_file: Any) -> None:
    """`.env` is ours: what is not a setting there does nothing, and must not seem to."""
    env_file(f"{name}='value'")
    with pytest.raises(SettingsError, match=f'{name} .*is not a setting'):
        settings.client_options('producer')
