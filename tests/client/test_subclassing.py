"""Slips in a learner's class: a misspelt method is told at its first use."""

from typing import Any

import pytest

from alerts import AlertService
from bots import AnswerBot
from processing.at_least_once import Service
from simulators import MsgSimulator


@pytest.mark.parametrize(
    ('base', 'name', 'meant'),
    [
        (MsgSimulator, 'get_mesage', 'get_message'),
        (MsgSimulator, 'getmessage', 'get_message'),
        (Service, 'on_mesage', 'on_message'),
        (AnswerBot, 'anwser', 'answer'),
        (AlertService, 'process_mesage', 'process_message'),
        (AlertService, 'get_alert_messgae', 'get_alert_message'),
    ],
)
def test_a_misspelt_method_is_told_at_the_first_use(
    base: Any, name: str, meant: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The first instance says it, the others do not; nothing is refused."""
    kind = type('Mine', (base,), {name: lambda self: 'hello'})
    topics = ['human-messages', 'alerts'] if base is AlertService else ['human-messages']
    for _ in range(3):
        kind(*topics)
    type('Grandchild', (kind,), {})(*topics)
    assert caplog.messages == [f'Mine.{name} overrides nothing (did you mean {meant}?)']


def test_methods_of_a_learners_own_are_no_slips(caplog: pytest.LogCaptureFixture) -> None:
    """Neither a name of its own, nor a plural beside the method that it resembles."""

    class Mine(MsgSimulator):
        def get_message(self) -> str:
            return self.get_messages()[0]

        def get_messages(self) -> list[str]:
            return ['hello']

        def mood(self) -> str:
            return 'good'

        def _get_mesage(self) -> str:
            return 'private'

    assert Mine('human-messages').get_message() == 'hello'
    assert caplog.messages == []
