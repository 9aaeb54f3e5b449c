"""Why Kafka does not answer: every stage of connecting, tried one after the other.

kafka-python says ``Unable to bootstrap`` for all of it, after its whole timeout. The producer and
the consumer ask here first instead, and `python -m settings` shows every stage: name, connection,
TLS, login, metadata, topic, group.

The one idea to take away: when something does not connect, ask which stage failed before you ask
why.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any

from connection.addresses import bootstrap_addresses
from connection.authorization import require_group, require_topic
from connection.handshake import STAGES, Handshake, Report, reason_of
from errors import SettingsError, UnreachableError

__all__ = ['check_connection', 'explain', 'invalid_options', 'require_access', 'require_listener']

TIMEOUT = 4.5  # seconds for all stages, all addresses together
SHORTEST_TRY = 0.3  # seconds for all addresses that are left, when the time is nearly over


def require_listener(options: dict[str, Any], timeout: float = TIMEOUT) -> None:
    """Be sure that a Kafka at one of the bootstrap servers lets us in, before a client is built.

    Args:
        options: kafka-python options.
        timeout: seconds for all of it.

    Raises:
        UnreachableError: names the address, the stage that failed, why, and what to do.
    """
    check_connection(options, timeout=timeout)


def require_access(
    options: dict[str, Any],
    topics: Iterable[str] = (),
    operation: str = 'read',
    group: str | None = None,
    timeout: float = TIMEOUT,
) -> None:
    """Be sure that the topics exist and that we are authorized for them, and for the group.

    A topic that does not exist is created if the options and the broker allow that, as the client
    itself would do.

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
    check_connection(options, topics, (operation,), group, timeout)


def check_connection(
    options: dict[str, Any],
    topics: Iterable[str] = (),
    operations: Iterable[str] = ('read', 'write'),
    group: str | None = None,
    timeout: float = TIMEOUT,
    report: Report = lambda _stage, _text: None,
    check_replicas: bool = False,
) -> None:
    """Try every stage at one address after the other, until all of them succeed at one.

    Args:
        options: kafka-python options.
        topics: topics whose authorization is checked, prefix included.
        operations: what is to be done with the topics: ``'read'``, ``'write'``.
        group: a group whose authorization is checked.
        timeout: seconds for all of it, shared among the addresses.
        report: called with each stage that was passed, and how.
        check_replicas: report which partitions lack replicas, too.

    Raises:
        UnreachableError: of the addresses that failed, the one that got furthest; names the stage.
        AccessError: not authorized for a topic or group, or the topic does not exist.
    """
    if options.get('proxy_url') or options.get('socks5_proxy'):
        report('connection', 'through a proxy: not tried')
        return
    end = time.monotonic() + timeout
    topics, operations = list(topics), list(operations)
    servers = bootstrap_addresses(options)
    failures = []
    for number, (host, port) in enumerate(servers):
        now = time.monotonic()
        share = max(end - now, SHORTEST_TRY) / (len(servers) - number)
        handshake = Handshake(options, host, port, now + share, report)
        try:
            handshake.complete()
            _require_advertised_broker(handshake)
            _check_topics(handshake, topics, operations, check_replicas)
            if group is not None:
                require_group(handshake, group)
        except UnreachableError as error:
            failures.append(error)
        else:
            return
        finally:
            handshake.close()
    raise _furthest(failures)


def explain(options: dict[str, Any], cause: BaseException) -> UnreachableError:
    """The error to raise when a client could not be built although something listens there.

    Args:
        options: the kafka-python options that were used.
        cause: what the client said.

    Returns:
        An error that names the address, the stage and the cure. It is returned, not raised, so that
        the caller can chain it.
    """
    try:
        require_listener(options)
    except UnreachableError as error:
        return error
    servers = ', '.join(f'{host}:{port}' for host, port in bootstrap_addresses(options))
    return UnreachableError(
        f'Kafka at {servers} answers now, but did not a moment ago ({cause}). Try again.',
        'metadata',
    )


def invalid_options(cause: BaseException) -> SettingsError:
    """The error for options that kafka-python itself refuses, when a client is built."""
    return SettingsError(
        f'kafka-python refuses these settings: {str(cause).rstrip(".")}. '
        'Correct or remove the KAFKA_ option of that name.'
    )


def _check_topics(
    handshake: Handshake, topics: Sequence[str], operations: Sequence[str], check_replicas: bool
) -> None:
    for topic in topics:
        require_topic(handshake, topic, operations)
        if check_replicas:
            _warn_of_missing_replicas(handshake, topic)


def _furthest(failures: list[UnreachableError]) -> UnreachableError:
    """The failure of the address that got furthest, with the reasons of the others."""
    furthest = max(failures, key=lambda error: STAGES.index(error.stage))
    others = [reason_of(error) for error in failures if error is not furthest]
    if not others:
        return furthest
    error = UnreachableError(f'{furthest} (Also tried: {"; ".join(others)}.)', furthest.stage)
    error.__cause__ = furthest
    return error


def _require_advertised_broker(handshake: Handshake) -> None:
    """Ask at which addresses the brokers can be reached, and be sure that one of them can."""
    brokers = [(broker.host, broker.port) for broker in handshake.request_metadata().brokers]
    if (handshake.host, handshake.port) not in brokers:
        _require_one_of(handshake, brokers)
    shown = ', '.join(f'{host}:{port}' for host, port in brokers)
    count = len(brokers)
    handshake.report('metadata', f'{count} broker{"" if count == 1 else "s"}: {shown}')


def _require_one_of(handshake: Handshake, brokers: list[tuple[str, int]]) -> None:
    reasons = []
    for number, (host, port) in enumerate(brokers):
        reason = _try_broker(handshake, host, port, share=len(brokers) - number)
        if not reason:
            return
        reasons.append(reason)
    handshake.fail(
        'metadata',
        'it answers, but no address of its advertised.listeners can be reached: '
        f'{"; ".join(reasons) or "no broker is ready yet"}',
        "Set the broker's advertised.listeners to a name and port that this machine can reach "
        '(in Docker: localhost)',
    )


def _try_broker(handshake: Handshake, host: str, port: int, share: int) -> str:
    """Why another broker cannot be reached, within a share of the time left; '' if it can."""
    deadline = time.monotonic() + handshake.seconds_left() / share
    other = Handshake(handshake.options, host, port, deadline, lambda _stage, _text: None)
    try:
        other.complete()
    except UnreachableError as error:
        return reason_of(error)
    finally:
        other.close()
    return ''


def _warn_of_missing_replicas(handshake: Handshake, topic: str) -> None:
    """Warn of partitions that lack replicas.

    Each broker is asked itself: what the rest of a broken cluster knows of it is out of date.
    """
    found = handshake.request_metadata([topic])
    alive = set()
    for number, broker in enumerate(found.brokers):
        share = len(found.brokers) - number
        if not _try_broker(handshake, broker.host, broker.port, share):
            alive.add(broker.node_id)
    for partition in found.topics[0].partitions:
        in_sync = len(alive.intersection(partition.isr_nodes))
        wanted = len(partition.replica_nodes)
        if in_sync < wanted:
            handshake.report(
                'WARNING',
                f'{topic}, partition {partition.partition_index}: '
                f'{in_sync} of {wanted} replicas are in sync. Messages are refused '
                '(NOT_ENOUGH_REPLICAS) if min.insync.replicas is more: start the missing brokers.',
            )
