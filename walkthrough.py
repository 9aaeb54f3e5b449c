"""Tells which steps of the walkthrough have worked on this Kafka: ``python -m walkthrough``.

It also says what to do next. It keeps no record of its own: whatever you did is in Kafka, so it
looks there, at topics, messages, alerts, and the committed offsets of groups.

The one idea to take away: in a system around a log, "what happened?" is a question that anybody can
answer, at any time.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import argparse
import sys
import textwrap
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import settings
from connection import diagnosis
from errors import ChatError
from processing.replay import read_back
from schemas import Alert, HumanMessage, Malformed, decode, encode, printable, show

__all__ = ['STEPS', 'Seen', 'Step', 'look', 'main']

LAST = 20_000  # how many messages of each partition are looked at
TALKATIVE = 10  # a sender of this many messages has found the simulators
NAMES_SHOWN = 4


@dataclass
class Seen:
    """What was found on a Kafka: enough to say which steps have worked.

    Args:
        messages: how many records are on ``human-messages``, of any shape.
        senders: ``{sender: number of messages}``, of those that fit the schema.
        alerts: ``{alert_type: number of alerts}``.
        groups: ``{group: topics for which it has committed offsets}``.
    """

    messages: int = 0
    senders: Counter[str] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)
    groups: dict[str, set[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A step of the walkthrough: whether it has worked, and what to do if not.

    Args:
        number: as in the README.
        title: what it is about.
        worked: describes in a few words what was found of it; empty if nothing was.
        todo: what to type; empty for a step that leaves nothing to be found.
    """

    number: int
    title: str
    worked: Callable[[Seen], str]
    todo: str


def _counted(number: int, noun: str) -> str:
    """``1 message``, ``2 messages``; empty for 0."""
    if number == 0:
        return ''
    return f'{number} {noun}' if number == 1 else f'{number} {noun}s'


def _first_names(names: Iterable[str]) -> str:
    return ', '.join(sorted(printable(name) for name in names)[:NAMES_SHOWN])


def _messages(seen: Seen) -> str:
    return _counted(seen.messages, 'message')


def _cannot_be_told(_: Seen) -> str:
    return 'cannot be told: reading leaves no trace in the log'


def _with_the_schema(seen: Seen) -> str:
    if not seen.senders:
        return ''
    return f'{seen.senders.total()} of {_counted(seen.messages, "message")}'


def _several_senders(seen: Seen) -> str:
    if len(seen.senders) < 2:
        return ''
    return f'{len(seen.senders)} people: {_first_names(seen.senders)}'


def _talkative_sender(seen: Seen) -> str:
    for sender, count in seen.senders.most_common(1):
        if count >= TALKATIVE:
            return f'{printable(sender)} said {count} things'
    return ''


def _throttling_alerts(seen: Seen) -> str:
    return _counted(seen.alerts['throttled'], 'alert')


def _other_alerts(seen: Seen) -> str:
    others = sorted((kind, count) for kind, count in seen.alerts.items() if kind != 'throttled')
    return ', '.join(f'{count} {printable(kind)}' for kind, count in others)


def _groups(seen: Seen) -> str:
    topic = settings.topic_name('human-messages')
    names = [group for group, topics in seen.groups.items() if topic in topics]
    if not names:
        return ''
    return f'{_counted(len(names), "group")} with committed offsets: {_first_names(names)}'


SEND = """\
from producer import send_msg
send_msg(topic='human-messages', key='red', value={'some': 'dict'})"""
AGREE = """\
from producer import send_msg
send_msg(topic='human-messages', value={'sender': 'red', 'contents': 'hello'})"""
CHAT = """\
from producer import send_msg
send_msg(topic='human-messages', value={'sender': 'blue', 'contents': 'I am here too'})"""
SIMULATE = """\
from simulators import NonsenseSimulator
NonsenseSimulator(topic='human-messages', key='green', delay=0.5).simulate(count=10)"""
THROTTLE = """\
from alerts import ThrottlingAlertService
ThrottlingAlertService(monitor_topic='human-messages', alert_topic='alerts').monitor()
and while that runs, at another prompt:
from simulators import SpamSimulator
SpamSimulator(topic='human-messages').simulate(count=300)"""
OFFEND = """\
from alerts import OffensiveContentAlertService
OffensiveContentAlertService(monitor_topic='human-messages', alert_topic='alerts').monitor()
and while that runs, at another prompt:
from producer import send_msg
send_msg(topic='human-messages', value={'sender': 'grumpy', 'contents': 'damn'})"""
ARCHIVE = """\
from services import Archive
Archive(topic='human-messages', path='chat.db', group_id='archive').run(timeout=2.0)"""

STEPS = (
    Step(1, 'Send', _messages, SEND),
    Step(2, 'Receive', _cannot_be_told, ''),
    Step(3, 'Agree on a shape', _with_the_schema, AGREE),
    Step(4, 'Chat', _several_senders, CHAT),
    Step(5, 'Let bots talk', _talkative_sender, SIMULATE),
    Step(6, 'Notice who talks too much', _throttling_alerts, THROTTLE),
    Step(7, 'Notice what should not be said', _other_alerts, OFFEND),
    Step(8, 'Build something of your own', _groups, ARCHIVE),
)


def look() -> Seen:
    """Find out what has happened on this Kafka. It only reads: no topic is created by it.

    Raises:
        UnreachableError: no Kafka answers.

    >>> look().messages >= 0
    True
    """
    import kafka

    options = settings.client_options('admin')
    diagnosis.require_listener(options)
    seen = Seen()
    with closing(kafka.KafkaAdminClient(**options)) as admin:
        topics = set(admin.list_topics())
        for group in admin.list_groups():
            name = group['group_id']
            seen.groups[name] = _topics_with_offsets(admin, name)
    for record in _last_records('human-messages', topics):
        seen.messages += 1
        if _fits(record.value, HumanMessage):
            seen.senders[record.value['sender']] += 1
    for record in _last_records('alerts', topics):
        if _fits(record.value, Alert):
            seen.alerts[record.value['alert_type']] += 1
    return seen


def _topics_with_offsets(admin: Any, group: str) -> set[str]:
    committed = admin.list_group_offsets({group: None})[group]
    return {partition.topic for partition, at in committed.items() if at.offset >= 0}


def _last_records(topic: str, existing_topics: set[str]) -> Iterable[Any]:
    if settings.topic_name(topic) not in existing_topics:
        return ()
    return read_back(topic, offset=-LAST)


def _fits(value: Any, schema: Any) -> bool:
    return not isinstance(decode(encode(value), schema), Malformed)


def main(arguments: Sequence[str] = ()) -> int:
    """Print each step with what was found of it, and what to do next.

    Args:
        arguments: of the command line; it knows ``--help`` only.

    Returns:
        The exit status: 0 once all steps have worked, else 1.
    """
    argparse.ArgumentParser(
        prog='python -m walkthrough',
        description="Tells which steps of the README's walkthrough have worked on your Kafka, and "
        'what to type next. It only reads. The exit status is 0 once all steps have worked.',
    ).parse_args(arguments)
    try:
        seen = look()
    except ChatError as error:
        show(str(error))
        return 1
    missing = [step for step in STEPS if not step.worked(seen)]
    for step in STEPS:
        if not step.todo:
            mark = '?'
        elif step in missing:
            mark = ' '
        else:
            mark = 'x'
        show(f'[{mark}] {step.number}. {step.title:<32} {step.worked(seen)}'.rstrip())
    if missing:
        show(f'\nNext, step {missing[0].number}:')
        show(textwrap.indent(missing[0].todo, '    '))
        return 1
    show('\nAll steps have worked. Now build something of your own: make exercise')
    return 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
