"""How old a record may be when it is written: what a topic's settings make of its time.

Kafka deletes by the time that a record carries, not by when it was written. A record that is
stamped with last year is acknowledged, and gone at the next look (5 minutes at most, by default).
Whoever writes with times of the past asks here first: a replayed chat log, a redrive, copies.

The one idea to take away: a record's time is data, and retention believes it.
"""

import contextlib
import logging
import math
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import kafka
import kafka.errors
from kafka.admin import ConfigResource, ConfigResourceType

import settings
from connection import diagnosis
from errors import ChatError

__all__ = ['Retention', 'keep', 'retention']

log = logging.getLogger(__name__)

RETENTION, REFUSED = 'retention.ms', 'message.timestamp.before.max.ms'
STAMPS, POLICY = 'message.timestamp.type', 'cleanup.policy'
ENDLESS = 2**63 - 1  # Kafka's largest number of milliseconds
UNITS = ((86_400, 'days'), (3600, 'hours'), (60, 'minutes'))


class Retention(NamedTuple):
    """What a topic does with old records, in seconds; ``inf`` where it has no such limit.

    ``keeps``: older records are deleted soon. ``takes``: older records are refused.
    """

    keeps: float = math.inf
    takes: float = math.inf

    @classmethod
    def of(cls, config: Mapping[str, Mapping[str, Any]]) -> 'Retention':
        """From what Kafka describes of a topic; what it does not tell has no limit.

        >>> Retention.of({'retention.ms': {'value': '1000'}, 'cleanup.policy': {'value': 'delete'}})
        Retention(keeps=1.0, takes=inf)
        """
        said = {name: str(each.get('value')) for name, each in config.items()}
        if said.get(STAMPS) == 'LogAppendTime':  # the time is that of writing, whatever was sent
            return cls()
        keeps = (
            _seconds(said.get(RETENTION)) if 'delete' in said.get(POLICY, 'delete') else math.inf
        )
        return cls(keeps, _seconds(said.get(REFUSED)))

    def problem(self, age: float) -> str:
        """What is wrong with records up to this age: the end of a sentence, or '' if nothing is.

        >>> Retention(keeps=60.0).problem(7200.0)
        'are up to 2 hours old: the topic deletes what is older than 60 s (retention.ms=60000)'
        """
        for limit, does, setting in (
            (self.takes, 'refuses', REFUSED),
            (self.keeps, 'deletes', RETENTION),
        ):
            if age > limit:
                value = f'{setting}={limit * 1000:.0f}'
                what = f'the topic {does} what is older than {_span(limit)} ({value})'
                return f'are up to {_span(age)} old: {what}'
        return ''


def retention(topic: str) -> Retention:
    """What a topic does with old records. Where Kafka does not tell, there is no limit.

    Args:
        topic: its name, without the prefix.
    """
    with _admin() as admin:
        return _describe(admin, settings.topic_name(topic))


def keep(topic: str, oldest: float, what: str, cure: str) -> bool:
    """Before records of the past are written: have a new topic keep them, or say what will happen.

    A topic that is not there is created, if Kafka may, and keeps each of them as long as it would
    keep one of now. A topic that is there is left as it is; if it does not keep them, a warning
    says so.

    Args:
        topic: where they will go, without the prefix.
        oldest: the time of the oldest, in seconds since 1970.
        what: they, in the plural, as the warning names them: ``'Messages of this log'``.
        cure: how to do without times of the past, as an imperative.

    Returns:
        Whether they are kept, as far as Kafka tells.

    Raises:
        UnreachableError: no Kafka there.
        AccessError: not authorized to write to the topic, or there can be none of this name.
    """
    age = time.time() - oldest
    name = settings.topic_name(topic)
    with _admin() as admin:
        is_new = _is_missing(admin, name)
        diagnosis.require_access(settings.client_options('producer'), [name], 'write')
        if is_new:
            with contextlib.suppress(kafka.errors.KafkaError):
                admin.wait_for_topics([name])
        found = _describe(admin, name)
        if is_new and age > found.keeps and _lengthen(admin, name, age + found.keeps):
            found = found._replace(keeps=age + found.keeps)
            log.info('The new topic %r keeps its records for %s.', topic, _span(found.keeps))
    problem = found.problem(age)
    if problem:
        way_out = f'Set that higher for {topic!r} (kafka-configs.sh --alter), or {cure}.'
        log.warning('%s %s. %s', what, problem, way_out)
    return not problem


def _admin() -> Any:
    options = settings.client_options('admin')
    diagnosis.require_listener(options)
    try:
        return contextlib.closing(kafka.KafkaAdminClient(**options))
    except kafka.errors.KafkaTimeoutError as error:
        raise diagnosis.explain(options, error) from error


def _is_missing(admin: Any, name: str) -> bool:
    try:
        return name not in admin.list_topics()
    except kafka.errors.KafkaError as error:
        log.debug('the topics are not told: %s', error)
        return False


def _describe(admin: Any, name: str) -> Retention:
    resource = ConfigResource(ConfigResourceType.TOPIC, name)
    try:
        found = admin.describe_configs([resource], config_filter='all')
    except (kafka.errors.KafkaError, ChatError) as error:
        log.debug('the settings of topic %s are not told: %s', name, error)
        return Retention()
    return Retention.of(found.get('topic', {}).get(name, {}))


def _lengthen(admin: Any, name: str, seconds: float) -> bool:
    """Have a topic keep its records so long. Returns whether it does: one needs the right to."""
    value = str(math.ceil(seconds * 1000))
    resource = ConfigResource(ConfigResourceType.TOPIC, name, {RETENTION: value})
    try:
        answer = admin.alter_configs([resource], raise_on_unknown=False)
    except kafka.errors.KafkaError as error:
        log.debug('%s of topic %s was not set: %s', RETENTION, name, error)
        return False
    return bool(answer.get('topic', {}).get(name) == 'OK')


def _seconds(milliseconds: str | None) -> float:
    try:
        number = int(milliseconds or -1)
    except ValueError:
        return math.inf
    return number / 1000 if 0 <= number < ENDLESS else math.inf


def _span(seconds: float) -> str:
    """A length of time in words: ``'40 days'``."""
    for size, unit in UNITS:
        if seconds >= 2 * size:
            return f'{seconds / size:.0f} {unit}'
    return f'{seconds:.0f} s'
