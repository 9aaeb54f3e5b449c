"""What learners subclass: the same verbs everywhere, and names that are theirs."""

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alerts import AlertService, OffensiveContentAlertService, ThrottlingAlertService
from bots import AnswerBot, RoomTalker
from services import Archive, Presence, Rekey, Service, TrendingWords
from simulators import (
    CrowdSimulator,
    MsgChoiceSimulator,
    MsgSimulator,
    NonsenseSimulator,
    ReplaySimulator,
    SpamSimulator,
)

MAKERS: list[Callable[[Path], Any]] = [
    lambda _: AlertService('room', 'alerts'),
    lambda _: ThrottlingAlertService('room', 'alerts'),
    lambda _: OffensiveContentAlertService('room', 'alerts'),
    lambda _: Service('room'),
    lambda _: TrendingWords('room'),
    lambda path: Archive('room', path / 'chat.db'),
    lambda _: Presence('room'),
    lambda _: Rekey('room', 'copies'),
    lambda _: AnswerBot('room'),
    lambda _: RoomTalker('room'),
    lambda _: MsgSimulator('room'),
    lambda _: MsgChoiceSimulator(['yes']),
    lambda _: NonsenseSimulator('room'),
    lambda _: SpamSimulator('room'),
    lambda _: CrowdSimulator('room'),
    lambda path: ReplaySimulator(_log(path)),
]


def _log(path: Path) -> Path:
    log = path / 'chat.txt'
    log.write_text('[00:00] <ann> hello\n', encoding='utf-8')
    return log


@pytest.mark.parametrize('make', MAKERS)
def test_a_name_without_an_underscore_is_documented(
    make: Callable[[Path], Any], tmp_path: Path
) -> None:
    """Whatever an instance has is either in its docstring's attributes, or begins with _."""
    made = make(tmp_path)
    documented: set[str] = set()
    for kind in type(made).__mro__:
        _, _, attributes = (inspect.getdoc(kind) or '').partition('Attributes:')
        documented |= set(re.findall(r'^ {4}(\w+):', attributes, re.MULTILINE))
        documented |= set(re.findall(r'``(\w+)``', attributes.partition('\n\n')[0]))
    names = {name for name in vars(made) if not name.startswith('_')}
    assert names <= documented


class Forgetful:
    """The __init__ of a learner who has not met super() yet."""

    def __init__(self, *_: Any) -> None:
        self.mood = 'good'


@pytest.mark.parametrize(
    ('base', 'use'),
    [
        (MsgSimulator, lambda made: made.simulate(count=1)),
        (NonsenseSimulator, lambda made: made.get_message()),
        (AlertService, lambda made: made.monitor()),
        (AlertService, lambda made: made.emit_alert(None)),
        (ThrottlingAlertService, lambda made: made.new_state()),
        (Service, lambda made: made.run(timeout=0.1)),
        (Service, lambda made: made.send('room', 'hello')),
        (AnswerBot, lambda made: made.answer({'sender': 'red', 'contents': 'hello'})),
        (RoomTalker, lambda made: made.learn('hello')),
    ],
)
def test_who_forgets_to_call_super_is_told(base: type, use: Callable[[Any], Any]) -> None:
    """The error names the class and what to write, whatever is used first."""
    mine = type('Mine', (base,), {'__init__': Forgetful.__init__})
    with pytest.raises(AttributeError, match=r'Mine\.__init__ does not call super\(\)\.__init__'):
        use(mine('room'))


def test_what_is_simply_not_there_is_said_as_ever() -> None:
    """A name that nobody promised is no reason to speak of super()."""
    service = Service('room')
    with pytest.raises(AttributeError, match="'Service' object has no attribute '_coutner'"):
        service._coutner  # type: ignore[attr-defined]  # noqa: B018


def test_a_learners_own_names_stay_theirs() -> None:
    """A bot may have class attributes of its own, such as answers, clock or words."""

    class Oracle(AnswerBot):
        answers = ('yes', 'no')

        def answer(self, message: Any) -> str:
            return self.answers[len(message['contents']) % 2]

    assert Oracle('room').answer({'sender': 'red', 'contents': '!ask'}) == 'yes'


@pytest.mark.parametrize('kind', [AlertService, Service])
def test_all_services_answer_to_the_same_verbs(kind: type) -> None:
    """run(count, timeout), stop(), open(), close(), and `with`."""
    assert list(inspect.signature(kind.run).parameters) == [  # type: ignore[attr-defined]
        'self',
        'count',
        'timeout',
    ]
    for verb in ('stop', 'open', 'close', '__enter__', '__exit__'):
        assert callable(getattr(kind, verb))
