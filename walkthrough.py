"""Which steps of the walkthrough have worked on this Kafka: ``python -m walkthrough`` tells, and what to do next.

It keeps no record of its own. Whatever you did is in the log, so it looks there: topics, messages, alerts, the offsets of groups.

The one idea to take away: in a system around a log, "what happened?" is a question that anybody can answer, at any time.
"""

import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import settings
from connection import diagnosis
from errors import ChatError
from processing.replay import read_back
from schemas import Alert, HumanMessage, Malformed, decode, encode, printable

__all__ = ['STEPS', 'Seen', 'Step', 'look', 'main']

LAST = 20_000  # messages that are looked at, of each partition
TALKATIVE = 10  # so many messages make a bot, or somebody who has found the way


@dataclass
class Seen:
    """What was found on a Kafka: enough to say which steps have worked."""

    messages: int = 0
    senders: Counter[str] = field(default_factory=Counter)
    alerts: Counter[str] = field(default_factory=Counter)
    groups: dict[str, set[str]] = field(
        default_factory=dict
    )  # {group: topics of which it has committed offsets}


@dataclass(frozen=True)
class Step:
    """A step of the walkthrough: when it has worked, and what to do until then.

    Args:
        number: as in the README.
        title: what it is about.
        worked: what the log says about it, in a few words; empty if nothing.
        todo: what to type.
    """

    number: int
    title: str
    worked: Callable[[Seen], str]
    todo: str


def _counted(number: int, what: str) -> str:
    return f'{number} {what}{"" if number == 1 else "s"}' if number else ''


def _several(seen: Seen) -> str:
    return (
        f'{len(seen.senders)} people: {", ".join(sorted(map(printable, seen.senders))[:4])}'
        if len(seen.senders) > 1
        else ''
    )


def _talkative(seen: Seen) -> str:
    sender, count = next(iter(seen.senders.most_common(1)), ('', 0))
    return f'{printable(sender)} said {count} things' if count >= TALKATIVE else ''


def _other_alerts(seen: Seen) -> str:
    return ', '.join(
        f'{count} {printable(kind)}'
        for kind, count in sorted(seen.alerts.items())
        if kind != 'throttled'
    )


def _groups(seen: Seen) -> str:
    names = sorted(
        printable(group)
        for group, topics in seen.groups.items()
        if settings.topic_name('human-messages') in topics
    )
    return f'{_counted(len(names), "group")} with offsets: {", ".join(names[:4])}' if names else ''


def _shaped(seen: Seen) -> str:
    return f'{seen.senders.total()} of {_counted(seen.messages, "message")}' if seen.senders else ''


STEPS = (
    Step(1, 'Send', lambda seen: _counted(seen.messages, 'message'), """\
from producer import send_msg
send_msg(topic='human-messages', key='red', value={'some': 'dict'})"""),
    Step(2, 'Receive', lambda _: 'cannot be told: reading leaves no trace in the log', ''),
    Step(3, 'Agree on a shape', _shaped, """\
from producer import send_msg
send_msg(topic='human-messages', value={'sender': 'red', 'contents': 'hello'})"""),
    Step(4, 'Chat', _several, """\
from producer import send_msg
send_msg(topic='human-messages', value={'sender': 'blue', 'contents': 'I am here too'})"""),
    Step(5, 'Let bots talk', _talkative, """\
from simulators import NonsenseSimulator
NonsenseSimulator(topic='human-messages', key='green', delay=0.5).simulate(count=10)"""),
    Step(6, 'Notice who talks too much', lambda seen: _counted(seen.alerts['throttled'], 'alert'), """\
from alerts import ThrottlingAlertService
ThrottlingAlertService(monitor_topic='human-messages', alert_topic='alerts').monitor()
and while that runs, at another prompt:
from simulators import SpamSimulator
SpamSimulator(topic='human-messages').simulate(count=300)"""),
    Step(7, 'Notice what should not be said', _other_alerts, """\
from alerts import OffensiveContentAlertService
OffensiveContentAlertService(monitor_topic='human-messages', alert_topic='alerts').monitor()
and while that runs, at another prompt:
from producer import send_msg
send_msg(topic='human-messages', value={'sender': 'grumpy', 'contents': 'damn'})"""),
    Step(8, 'Build something of your own', _groups, """\
from services import Archive
Archive(topic='human-messages', path='chat.db', group_id='archive').run(timeout=2.0)"""),
)  # fmt: skip


def look() -> Seen:
    """Find out from the log what has happened there. Reads only: no topic is created by it.

    Raises:
        UnreachableError: no Kafka there.

    >>> look().messages >= 0
    True
    """
    import kafka

    options = settings.client_options('admin')
    diagnosis.require_listener(options)
    seen = Seen()
    with closing(kafka.KafkaAdminClient(**options)) as admin:
        there = set(admin.list_topics())
        for group in admin.list_groups():
            name = group['group_id']
            offsets = admin.list_group_offsets({name: None})[name]
            seen.groups[name] = {
                place.topic for place, committed in offsets.items() if committed.offset >= 0
            }
    for record in _last('human-messages', there):
        seen.messages += 1
        if _fits(record.value, HumanMessage):
            seen.senders[record.value['sender']] += 1
    for record in _last('alerts', there):
        if _fits(record.value, Alert):
            seen.alerts[record.value['alert_type']] += 1
    return seen


def _last(topic: str, there: set[str]) -> Any:
    return read_back(topic, offset=-LAST) if settings.topic_name(topic) in there else ()


def _fits(value: Any, schema: Any) -> bool:
    return not isinstance(decode(encode(value), schema), Malformed)


def main() -> int:
    """Print each step with what the log says of it, and what to do next; the exit status is 0 once all have worked."""
    try:
        seen = look()
    except ChatError as error:
        print(error)
        return 1
    missing = [step for step in STEPS if not step.worked(seen)]
    for step in STEPS:
        mark = '?' if not step.todo else ' ' if step in missing else 'x'
        print(f'[{mark}] {step.number}. {step.title:<32} {step.worked(seen)}'.rstrip())
    if missing:
        print(f'\nNext, step {missing[0].number}:')
        print(textwrap.indent(missing[0].todo, '    '))
        return 1
    print('\nAll of it has worked. Now something of your own: make exercise')
    return 0


if __name__ == '__main__':
    sys.exit(main())
