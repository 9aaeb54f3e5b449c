"""Why Kafka does not answer: the way in tried stage by stage (name, connection, TLS, login, metadata, topic, group).

kafka-python says ``Unable to bootstrap`` for all of it, after its whole time-out. The producer and the consumer ask
here first instead, and `python -m settings` shows every stage. It speaks Kafka's own protocol over one plain socket.

The one idea to take away: connecting is a row of small agreements, and each of them fails in its own way.
"""

import re
import time
from collections.abc import Iterable
from typing import Any

from connection.handshake import BrokenError, Talk, Tell
from errors import AccessError, SettingsError, UnreachableError

__all__ = ['addresses', 'explain', 'refused', 'require_access', 'require_listener', 'walk']

BUDGET = 4.5  # seconds for the whole way in, all addresses together
STAGES = ('name', 'connection', 'tls', 'login', 'metadata', 'topic')
SERVER = re.compile(r'(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?')
RIGHTS = {'read': 3, 'write': 4}  # an operation's number in Kafka's protocol
UNKNOWN_TOPIC, LEADER_NOT_AVAILABLE, INVALID_TOPIC, TOPIC_DENIED, GROUP_DENIED = (
    3,
    5,
    17,
    29,
    30,
)  # its error codes


def addresses(
    options: dict[str, Any], name: str = 'KAFKA_BOOTSTRAP_SERVERS'
) -> list[tuple[str, int]]:
    """The bootstrap servers as ``(host, port)`` pairs; the default port is 9092.

    Args:
        options: kafka-python options.
        name: the setting that they came from, for the error.

    Raises:
        SettingsError: names the address that is none.

    >>> addresses({'bootstrap_servers': 'localhost, broker.example:9093'})
    [('localhost', 9092), ('broker.example', 9093)]
    """
    servers = options['bootstrap_servers']
    pairs = []
    for server in servers.split(',') if isinstance(servers, str) else servers:
        match = SERVER.fullmatch(server.strip())
        port = int(match[2] or 9092) if match else 0
        if match is None or not 0 < port < 65536:
            hint = (
                'without http:// or the like'
                if '://' in server
                else 'several of them separated by commas'
            )
            shown = re.sub(r'(?<=://).*@|^(?!.*://).*@', '***@', server)
            raise SettingsError(
                f'{name}: {shown!r} is no address. Write host:port, {hint}, as in localhost:9092.'
            )
        pairs.append((match[1].strip('[]'), port))
    return pairs


def require_listener(options: dict[str, Any], timeout: float = BUDGET) -> None:
    """Be sure that a Kafka at one of the bootstrap servers lets us in, before a client is built.

    Args:
        options: kafka-python options.
        timeout: seconds for all of it.

    Raises:
        UnreachableError: names the address, the stage at which it ended, why, and what to do.
    """
    walk(options, timeout=timeout)


def require_access(
    options: dict[str, Any],
    topics: Iterable[str] = (),
    operation: str = 'read',
    group: str | None = None,
    timeout: float = BUDGET,
) -> None:
    """Be sure that the topics are there and may be read or written, and that the group may be used.

    A topic that is not there is created if the options and the broker allow that, as the client itself would do.

    Args:
        options: kafka-python options.
        topics: names on the cluster, prefix included.
        operation: ``'read'`` or ``'write'``.
        group: a group's name on the cluster.
        timeout: seconds for all of it.

    Raises:
        AccessError: names the topic or group, what is missing, and what to do.
        UnreachableError: as `require_listener`.
    """
    walk(options, topics, (operation,), group, timeout)


def walk(
    options: dict[str, Any],
    topics: Iterable[str] = (),
    operations: Iterable[str] = ('read', 'write'),
    group: str | None = None,
    timeout: float = BUDGET,
    tell: Tell = lambda _stage, _text: None,
    thorough: bool = False,
) -> None:
    """Try the whole way in, one address after the other, until one of them leads to the end.

    Args:
        options: kafka-python options.
        topics: topics whose rights are tried, prefix included.
        operations: what is to be done with the topics: ``'read'``, ``'write'``.
        group: a group whose rights are tried.
        timeout: seconds for all of it, shared among the addresses.
        tell: called with each stage that was passed, and how.
        thorough: tell which partitions lack replicas, too.

    Raises:
        UnreachableError: what ended the way that led furthest; names the stage.
        AccessError: no right to a topic or group, or the topic is not there.
    """
    if options.get('proxy_url') or options.get('socks5_proxy'):
        tell('connection', 'through a proxy: not tried')
        return
    end, failures = time.monotonic() + timeout, []
    servers = addresses(options)
    for number, (host, port) in enumerate(servers):
        now = time.monotonic()
        talk = Talk(options, host, port, now + max(end - now, 0.3) / (len(servers) - number), tell)
        try:
            talk.come_in()
            _reach_brokers(talk)
            for topic in topics:
                _require_topic(talk, topic, list(operations))
                if thorough:
                    _count_replicas(talk, topic)
            if group is not None:
                _require_group(talk, group)
        except UnreachableError as error:
            failures.append(error)
        else:
            return
        finally:
            talk.socket.close()
    worst = max(failures, key=lambda error: STAGES.index(error.stage))
    if len(failures) > 1:
        others = '; '.join(_reason(error) for error in failures if error is not worst)
        raise UnreachableError(f'{worst} (Tried besides: {others}.)', worst.stage) from worst
    raise worst


def explain(options: dict[str, Any], cause: BaseException) -> UnreachableError:
    """The error to raise when a client could not be built although something listens there.

    Args:
        options: the kafka-python options that were used.
        cause: what the client said.

    Returns:
        An error that names the address, the stage and the cure. It is returned, not raised, so that it can be chained.
    """
    try:
        require_listener(options)
    except UnreachableError as error:
        return error
    servers = ', '.join(f'{host}:{port}' for host, port in addresses(options))
    return UnreachableError(
        f'Kafka at {servers} answers now, and did not just before ({cause}). Try again.', 'metadata'
    )


def refused(cause: BaseException) -> SettingsError:
    """The error for options that kafka-python itself refuses, when a client is built."""
    return SettingsError(
        f'kafka-python refuses these settings: {str(cause).rstrip(".")}. Correct or remove the KAFKA_ option of that name.'
    )


def _reach_brokers(talk: Talk) -> None:
    """Ask where the brokers are to be reached, and be sure that one of them can be."""
    here = (talk.host, talk.port)
    brokers = [(broker.host, broker.port) for broker in talk.ask_metadata().brokers]
    reasons = [''] if here in brokers else []
    while '' not in reasons and len(reasons) < len(brokers):
        reasons.append(_visit(talk, *brokers[len(reasons)], share=len(brokers) - len(reasons)))
    if '' not in reasons:
        what = f'it answers, but says that it is to be reached at another address: {"; ".join(reasons) or "no broker is ready yet"}'
        cure = "Set the broker's advertised.listeners to a name and port that this machine can reach (in Docker: localhost)"
        talk.fail('metadata', what, cure)
    talk.tell(
        'metadata',
        f'{_count(brokers, "broker")}: {", ".join(f"{host}:{port}" for host, port in brokers)}',
    )


def _visit(talk: Talk, host: str, port: int, share: int) -> str:
    """Why another broker cannot be reached, in one share of the time that is left; '' if it can."""
    other = Talk(
        talk.options, host, port, time.monotonic() + talk.left() / share, lambda _stage, _text: None
    )
    try:
        other.come_in()
    except UnreachableError as error:
        return _reason(error)
    finally:
        other.socket.close()
    return ''


def _count_replicas(talk: Talk, topic: str) -> None:
    """Warn of partitions that lack replicas. Each broker is asked itself: what the rest of a broken cluster knows of it is old."""
    found = talk.ask_metadata([topic])
    left = range(len(found.brokers), 0, -1)
    alive = {
        broker.node_id
        for broker, share in zip(found.brokers, left, strict=True)
        if not _visit(talk, broker.host, broker.port, share)
    }
    for partition in found.topics[0].partitions:
        there, wanted = len(alive.intersection(partition.isr_nodes)), len(partition.replica_nodes)
        if there < wanted:
            what = (
                f'partition {partition.partition_index}: {there} of {wanted} replicas are in sync'
            )
            talk.tell(
                'WARNING',
                f'{topic}, {what}. Messages are refused if min.insync.replicas is more: start the missing brokers.',
            )


def _require_topic(talk: Talk, topic: str, operations: list[str]) -> None:
    create = talk.options.get('allow_auto_create_topics', True)
    found = talk.ask_metadata([topic], create).topics[0]
    half = talk.left() / 2
    while (
        create and found.error_code in (UNKNOWN_TOPIC, LEADER_NOT_AVAILABLE) and talk.left() > half
    ):  # creating takes a moment
        time.sleep(0.02)
        found = talk.ask_metadata([topic], create).topics[0]
    if found.error_code == INVALID_TOPIC:
        raise AccessError(
            f'{topic!r} is no name for a topic: letters, digits, dot, dash and underscore only, at most 249 of them.'
        )
    if found.error_code == UNKNOWN_TOPIC:
        make = f'kafka-topics.sh --create --topic {topic}, or the page of your managed Kafka'
        raise AccessError(
            f'Topic {topic!r} does not exist at {talk.where}, and the broker creates none by itself. Create it: {make}.'
        )
    for operation in operations:
        if found.error_code == TOPIC_DENIED or _lacks(found, operation):
            _deny(talk, f'topic {topic!r}', operation)
    talk.tell(
        'topic', f'{topic}: {_count(found.partitions, "partition")}, may {" and ".join(operations)}'
    )


def _require_group(talk: Talk, group: str) -> None:
    from kafka.protocol.admin import DescribeGroupsRequest

    try:
        found = talk.ask(
            DescribeGroupsRequest(groups=[group], include_authorized_operations=True, max_version=5)
        ).groups[0]
    except BrokenError:
        return
    if found.error_code == GROUP_DENIED or _lacks(found, 'read'):
        _deny(talk, f'group {group!r}', 'read')
    talk.tell('group', f'{group}: may read')


def _deny(talk: Talk, what: str, operation: str) -> None:
    who = talk.options.get('sasl_plain_username')
    raise AccessError(
        f'{f"User {who!r}" if who else "This client"} has no right to {operation} {what} at {talk.where}. '
        'Ask for it (an ACL), or use a name that you have a right to; on a shared cluster it begins with KAFKA_PREFIX.'
    )


def _lacks(found: Any, operation: str) -> bool:
    return (
        found.authorized_operations is not None
        and RIGHTS[operation] not in found.authorized_operations
    )


def _reason(error: UnreachableError) -> str:
    return str(error).removeprefix('No way into Kafka at ').partition('. ')[0]


def _count(things: list[Any], noun: str) -> str:
    return f'{len(things)} {noun}{"" if len(things) == 1 else "s"}'
