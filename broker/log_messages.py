"""What a broker's log says, in a learner's words: it is ready, a topic was made, a warning, why it did not start.

Used by ``broker.py``; pure, no Kafka in it. The one idea to take away: a log is written for its authors, so somebody has to translate it.
"""

import re
from pathlib import Path

from schemas import printable

__all__ = ['LOG4J', 'Tail', 'ended_because', 'is_ready', 'last_lines', 'translate']

# For Kafka's log: its warnings, and the few other lines that are looked for below.
LOG4J = """\
<Configuration status="WARN">
  <Appenders><Console name="out"><PatternLayout pattern="%-5level %c{1}: %m%n%ex{6}"/></Console></Appenders>
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
CAUSES = {
    'port': re.compile(
        r'Address already in use|failed to bind|Permission denied.*bind', re.IGNORECASE
    ),
    'folder': re.compile(r'Failed to acquire lock'),
    'crash': re.compile(r'A fatal error has been detected by the Java Runtime Environment'),
}
# What is normal where brokers come and go and topics are new, each with its reason; whoever is concerned asks again by himself.
NORMAL = {
    'a replica lost its leader': r'ReplicaFetcher.*(Error in response for fetch request|marked as failed)',
    'this controller is not elected': r'Unexpected error handling request .*apiKey=(BROKER_|CONTROLLER_REG|ALTER_PART|ALLOCATE_)',
    'a frozen one wakes up, and another one is elected': r'Renouncing the leadership due to a metadata log event',
    'a broker that starts finds its own door still closed': r'\bid=(?P<self>\d+)\b.*Connection to node (?P=self) ',
    'a broker that was down learns of a topic': r'Expected partition .* to exist, but it was missing. Creating',
    'a broker that was down takes its work up again': r'Unloaded transaction metadata .* as part of loading',
    'a controller without the others waits for them': r'Exceptionally slow controller event',
    'a coordinator that moved tries again': r'(epoch fence transition|Rollback of ongoing transaction) .* error (NOT_)?COORDINATOR',
    'the client is told why; too few replicas, below': r'Error processing append operation',
    'two asked for the same new topic at once': r"Auto topic creation failed .*'TOPIC_ALREADY_EXISTS'",
    'a topic is not known everywhere yet, or was that of another Kafka on this port': r'\bUNKNOWN_TOPIC_(ID|OR_PARTITION)\b',
}
QUIET = re.compile('|'.join(NORMAL.values()))
WHO = re.compile(r'^(\[[^\]]*\] *)+')
SENTENCES = (
    (
        re.compile(r"CreatableTopic\(name='([^']+)', numPartitions=-1.*SUCCESS"),
        r'Topic \1 was created.',
    ),
    (
        re.compile(r"CreatableTopic\(name='([^']+)', numPartitions=(\d+).*SUCCESS"),
        r'Topic \1 was created, partitions: \2.',
    ),
    (
        re.compile(r'Connection to node (\d+) \(.*could not be established'),
        r'Broker \1 cannot be reached by the others.',
    ),
    (
        re.compile(
            r'current ISR : (\d+) is insufficient to satisfy the min.isr requirement of (\d+) for partition ([^,\s]+)'
        ),
        r'Partition \3 takes no messages now: in-sync replicas: \1, needed: \2.',
    ),
    (
        re.compile(r'Failed authentication with /(\S+) .*\((.*)\)'),
        r'A client at \1 was refused: \2.',
    ),
    (
        re.compile(
            r'Principal = User:(\S+) is Denied operation = (\S+) .* resource = (\w+):\w+:(\S+)'
        ),
        r'\1 was denied: no right to \2 \3 \4.',
    ),
    (re.compile(r'Performing controller activation'), ''),
)


def is_ready(text: str) -> bool:
    """Whether this log is of a broker that serves its clients: ``is_ready('INFO KafkaRaftServer: ... Kafka Server started')``."""
    return READY in text


def ended_because(text: str) -> str:
    """Why a broker ended: ``'port'`` (taken), ``'folder'`` (in use by another broker), ``'crash'`` (of Java) or ``''`` (something else)."""
    return next((cause for cause, pattern in CAUSES.items() if pattern.search(text)), '')


def last_lines(text: str, count: int = 15) -> str:
    """The last lines of a log, indented, for the end of an error message."""
    lines = [
        line.rstrip()
        for line in text.splitlines()
        if line.strip() and not line.lstrip().startswith('at ')
    ]
    return ''.join(f'\n    {printable(line[:300])}' for line in lines[-count:])


def translate(line: str) -> str:
    """A line of the log as a learner should see it; '' for what need not be seen.

    >>> translate('WARN  ReplicaManager: the disk is slow')
    'Kafka warns: the disk is slow (ReplicaManager)'
    """
    level, _, rest = line.strip().partition(' ')
    if QUIET.search(rest):
        return ''
    for pattern, sentence in SENTENCES:
        if found := pattern.search(rest):
            return printable(found.expand(sentence))
    if level not in {'WARN', 'ERROR', 'FATAL'}:
        return ''
    logger, _, message = rest.strip().partition(': ')
    verb = 'warns' if level == 'WARN' else 'reports an error'
    return printable(f'Kafka {verb}: {WHO.sub("", message)[:400]} ({logger})')


class Tail:
    """Reads on where it stopped: ``Tail(path).lines()`` gives the whole lines that came since the last call."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._position = 0

    def lines(self) -> list[str]:
        """The lines that were completed since the last call; [] while there is no such file."""
        try:
            with self.path.open('rb') as file:
                if file.seek(0, 2) < self._position:
                    self._position = 0
                file.seek(self._position)
                whole, newline, _ = file.read().rpartition(b'\n')
        except FileNotFoundError:
            return []
        self._position += len(whole) + len(newline)
        return whole.decode('utf-8', 'replace').splitlines()
