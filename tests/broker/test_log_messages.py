"""The log of a broker, put into a learner's words."""

import pytest

from broker import log_messages

TOLD = {
    (
        'INFO  Manager: [QuorumController id=1] CreateTopics result: '
        "CreatableTopic(name='chat', numPartitions=3): SUCCESS"
    ): 'Topic chat was created, partitions: 3.',
    'WARN  ReplicaManager: [ReplicaManager broker=1] the disk is slow': (
        'Kafka warns: the disk is slow (ReplicaManager)'
    ),
    'ERROR LogManager: it broke': 'Kafka reports an error: it broke (LogManager)',
    (
        'WARN  NetworkClient: [RaftManager id=1] Connection to node 2 '
        '(localhost/127.0.0.1:21788) could not be established. Node'
    ): 'Broker 2 cannot be reached by the others.',
    (
        'INFO  logger: Principal = User:visitor is Denied operation = WRITE '
        'from host = 127.0.0.1 on resource = Topic:LITERAL:chat for'
    ): 'User visitor is not authorized to WRITE topic chat (TOPIC_AUTHORIZATION_FAILED).',
    (
        'INFO  logger: Principal = User:visitor is Denied operation = READ '
        'from host = 127.0.0.1 on resource = Group:LITERAL:red for'
    ): 'User visitor is not authorized to READ group red (GROUP_AUTHORIZATION_FAILED).',
    (
        'INFO  logger: Principal = User:visitor is Denied operation = CREATE '
        'from host = 127.0.0.1 on resource = Cluster:LITERAL:kafka-cluster for'
    ): 'User visitor is not authorized to CREATE Cluster kafka-cluster.',
    (
        'INFO  Selector: [SocketServer nodeId=1] Failed authentication with /127.0.0.1 '
        '(channelId=127) (SSL handshake failed)'
    ): 'Authentication of a client at 127.0.0.1 failed: SSL handshake failed.',
    (
        'org.apache.Some: The size of the current ISR : 1 is insufficient to satisfy the min.isr '
        'requirement of 2 for partition t-0'
    ): (
        'Partition t-0 accepts no messages now: in-sync replicas: 1, needed: 2 '
        '(NOT_ENOUGH_REPLICAS).'
    ),
    (
        'org.apache.kafka.common.network.InvalidReceiveException: Invalid receive '
        '(size = 1195725856 larger than 104857600)'
    ): "A client came that does not speak Kafka's protocol, such as a browser.",
    (
        'ERROR KafkaApis: [KafkaApi-1] Unexpected error handling request '
        'RequestHeader(apiKey=PRODUCE, apiVersion=12)'
    ): (
        'Kafka reports an error: Unexpected error handling request '
        'RequestHeader(apiKey=PRODUCE, apiVersion=12) (KafkaApis)'
    ),
    (
        'WARN  Manager: Auto topic creation failed for chat with error '
        "'INVALID_REPLICATION_FACTOR': too few brokers"
    ): (
        'Kafka warns: Auto topic creation failed for chat with error '
        "'INVALID_REPLICATION_FACTOR': too few brokers (Manager)"
    ),
    'WARN  Manager: a group \x1b]0;owned\x07 came': (
        r'Kafka warns: a group \x1b]0;owned\x07 came (Manager)'
    ),
}

LEFT_OUT = [
    (
        'INFO  ReplicationControlManager: [QuorumController id=1] Replayed TopicRecord '
        'for topic t with topic ID W1vz.'
    ),
    (
        'WARN  QuorumController: [QuorumController id=1] Performing controller activation. '
        'The metadata log appears to be empty.'
    ),
    (
        'WARN  NetworkClient: [NodeToControllerChannelManager id=1 name=heartbeat] '
        'Connection to node 1 (/127.0.0.1:25383) could not'
    ),
    (
        'WARN  ReplicaFetcherThread: [ReplicaFetcher replicaId=1, leaderId=2, fetcherId=0] '
        'Error in response for fetch request (type=F'
    ),
    (
        'WARN  ReplicaFetcherThread: [ReplicaFetcher replicaId=2, leaderId=3, fetcherId=0] '
        'Partition chat-0 marked as failed'
    ),
    (
        'ERROR ControllerApis: [ControllerApis nodeId=3] Unexpected error handling request '
        'RequestHeader(apiKey=BROKER_HEARTBEAT, api'
    ),
    (
        "WARN  Manager: Auto topic creation failed for chat with error 'TOPIC_ALREADY_EXISTS': "
        "Topic 'chat' already exists.."
    ),
    '\tat java.base/java.lang.Thread.run(Thread.java:1474)',
]


@pytest.mark.parametrize(('line', 'sentence'), TOLD.items())
def test_what_matters_is_told_in_a_sentence(line: str, sentence: str) -> None:
    """Topics, warnings and refusals are told in a sentence each, with the name to search for."""
    assert log_messages.translate(line) == sentence


@pytest.mark.parametrize('line', LEFT_OUT)
def test_what_is_normal_is_left_out(line: str) -> None:
    """What mends itself, and what is for the authors of Kafka only, is not shown."""
    assert log_messages.translate(line) == ''
