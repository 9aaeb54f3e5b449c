"""What a broker's log says, in a learner's words: it is ready, a topic was made, a warning.

Used in step 0: at a start, to see when it is done or why it failed, and in the foreground
(``python -m broker``). There is no Kafka in here, only text.

The one idea to take away: a log is written for the people who wrote the program, so for everybody
else it has to be translated.
"""

import re

from schemas import printable

__all__ = ['LOG4J', 'exit_cause', 'is_ready', 'is_waiting', 'last_lines', 'translate']

# The configuration of Kafka's log: its warnings, and the few other lines that are used below.
LOG4J = """\
<Configuration status="WARN">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%-5level %c{1}: %m%n%ex{6}"/></Console>
  </Appenders>
  <Loggers>
    <Root level="WARN"><AppenderRef ref="out"/></Root>
    <Logger name="kafka.server.KafkaRaftServer" level="INFO"/>
    <Logger name="org.apache.kafka.common.network.Selector" level="INFO"/>
    <Logger name="kafka.authorizer.logger" level="INFO"/>
    <Logger name="org.apache.kafka.controller.ReplicationControlManager" level="INFO"/>
  </Loggers>
</Configuration>
"""

READY = 'Kafka Server started'
WAITING = re.compile(r'RaftManager id=\d+\] Connection to node .* could not be established')

EXIT_CAUSES = {
    'port': r'(?i)Address already in use|failed to bind|Permission denied.*bind',
    'folder': r'Failed to acquire lock',
    'crash': r'A fatal error has been detected by the Java Runtime Environment',
}

# Warnings that are normal where brokers come and go and topics are new, by the reason. In each
# case the part of Kafka that is concerned tries again by itself.
NORMAL = {
    'a replica has lost its leader': (
        r'ReplicaFetcher.*(Error in response for fetch request|marked as failed)'
    ),
    'this controller is not the elected one': (
        r'Unexpected error handling request '
        r'.*apiKey=(BROKER_|CONTROLLER_REG|ALTER_PART|ALLOCATE_)'
    ),
    'a frozen controller wakes up, and another one has been elected': (
        r'Renouncing the leadership due to a metadata log event'
    ),
    'a broker that is starting does not reach its own listener yet': (
        r'\bid=(?P<self>\d+)\b.*Connection to node (?P=self) '
    ),
    'a broker that was down learns of a topic': (
        r'Expected partition .* to exist, but it was missing. Creating'
    ),
    'a broker that was down takes up its work again': (
        r'Unloaded transaction metadata .* as part of loading'
    ),
    'a controller without the others waits for them': r'Exceptionally slow controller event',
    'a coordinator has moved': (
        r'(epoch fence transition|Rollback of ongoing transaction) .* error (NOT_)?COORDINATOR'
    ),
    'the line behind it says why, and is translated below': (
        r'Unexpected error from /\S+ \(channelId=.*closing connection'
    ),
    'the client is told why; too few replicas are translated below': (
        r'Error processing append operation'
    ),
    'two clients asked for the same new topic at once': (
        r"Auto topic creation failed .*'TOPIC_ALREADY_EXISTS'"
    ),
    'a topic is not known everywhere yet, or was that of another Kafka on this port': (
        r'\bUNKNOWN_TOPIC_(ID|OR_PARTITION)\b'
    ),
}
QUIET = re.compile('|'.join(NORMAL.values()))

DENIED = r'Principal = User:(\S+) is Denied operation = (\S+) .* resource = {}:\w+:(\S+)'

# Lines worth a sentence of their own; '' for those that need not be seen.
SENTENCES = {
    r"CreatableTopic\(name='([^']+)', numPartitions=-1.*SUCCESS": r'Topic \1 was created.',
    r"CreatableTopic\(name='([^']+)', numPartitions=(\d+).*SUCCESS": (
        r'Topic \1 was created, partitions: \2.'
    ),
    r'Connection to node (\d+) \(.*could not be established': (
        r'Broker \1 cannot be reached by the others.'
    ),
    (
        r'current ISR : (\d+) is insufficient to satisfy the min.isr requirement of (\d+) '
        r'for partition ([^,\s]+)'
    ): (
        r'Partition \3 accepts no messages now: in-sync replicas: \1, needed: \2 '
        r'(NOT_ENOUGH_REPLICAS).'
    ),
    r'Failed authentication with .*invalid receive size': (
        'A client sent something else than a login: perhaps it speaks TLS to a listener that does '
        'not. On its side: KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT.'
    ),
    r'Failed authentication with /(\S+) .*\((.*)\)': (
        r'Authentication of a client at \1 failed: \2.'
    ),
    # The first four bytes of a client's first message are its length; these begin TLS instead.
    r'Invalid receive \(size = 36929[56]\d{3} ': (
        'A client speaks TLS to a listener that does not. '
        'On its side: KAFKA_SECURITY_PROTOCOL=PLAINTEXT.'
    ),
    r'Invalid receive \(size = -?\d+ ': (
        "A client came that does not speak Kafka's protocol, such as a browser."
    ),
    DENIED.format('Topic'): (
        r'User \1 is not authorized to \2 topic \3 (TOPIC_AUTHORIZATION_FAILED).'
    ),
    DENIED.format('Group'): (
        r'User \1 is not authorized to \2 group \3 (GROUP_AUTHORIZATION_FAILED).'
    ),
    DENIED.format(r'(\w+)'): r'User \1 is not authorized to \2 \3 \4.',
    r'Performing controller activation': '',
}
PATTERNS = [(re.compile(pattern), sentence) for pattern, sentence in SENTENCES.items()]

# The part of Kafka that speaks: "[QuorumController id=1] ".
SPEAKER = re.compile(r'^(\[[^\]]*\] *)+')
LONGEST_MESSAGE = 400
LONGEST_LINE = 300


def is_ready(text: str) -> bool:
    """Whether a log is of a broker that serves clients: it says ``'Kafka Server started'``."""
    return READY in text


def is_waiting(text: str) -> bool:
    """Whether a log is of a broker that looks for the others of its quorum."""
    return WAITING.search(text) is not None


def exit_cause(text: str) -> str:
    """Why a broker ended, by its log.

    Returns:
        ``'port'`` (it is taken), ``'folder'`` (another broker uses it), ``'crash'`` (of Java), or
        ``''`` (something else).
    """
    for cause, pattern in EXIT_CAUSES.items():
        if re.search(pattern, text):
            return cause
    return ''


def last_lines(text: str, count: int = 15) -> str:
    """The last lines of a log, indented, for the end of an error message."""
    lines = [
        line.rstrip()
        for line in text.splitlines()
        if line.strip() and not line.lstrip().startswith('at ')  # a Java stack trace
    ]
    return ''.join(f'\n    {printable(line[:LONGEST_LINE])}' for line in lines[-count:])


def translate(line: str) -> str:
    """A line of the log as a learner should see it; ``''`` for what need not be seen.

    >>> translate('WARN  ReplicaManager: the disk is slow')
    'Kafka warns: the disk is slow (ReplicaManager)'
    """
    level, _, rest = line.strip().partition(' ')
    if QUIET.search(rest):
        return ''
    for pattern, sentence in PATTERNS:
        found = pattern.search(rest)
        if found:
            return printable(found.expand(sentence))
    if level not in {'WARN', 'ERROR', 'FATAL'}:
        return ''
    verb = 'warns' if level == 'WARN' else 'reports an error'
    logger, _, message = rest.strip().partition(': ')
    message = SPEAKER.sub('', message)[:LONGEST_MESSAGE]
    return printable(f'Kafka {verb}: {message} ({logger})')
