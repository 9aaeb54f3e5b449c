"""A terminal or a file that is not UTF-8 ends nothing.

A character that it lacks is replaced in what is printed, never in what is sent.
"""

import contextlib
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import walkthrough
from alerts import OffensiveContentAlertService
from schemas import show
from simulators import MsgChoiceSimulator
from tests.support.logread import values

SAID = 'привет 🙂 Łódź damn'
# Windows' redirected output and its console, a server without a locale, and what all should have.
ENCODINGS = ('cp1252', 'cp437', 'ascii', 'utf-8')


@contextlib.contextmanager
def terminal(encoding: str) -> Iterator[Callable[[], str]]:
    """Standard output as a stream of that encoding; gives a function that tells what it shows."""
    written = io.BytesIO()
    with contextlib.redirect_stdout(io.TextIOWrapper(written, encoding=encoding, newline='')):
        yield lambda: written.getvalue().decode(encoding)


class Watch(OffensiveContentAlertService):
    """Ends after two alerts."""

    alerts_raised = 0

    def get_alert_message(self, message: Any) -> str:
        self.alerts_raised += 1
        if self.alerts_raised == 2:
            self.stop()
        return str(message.value['contents'])


@pytest.mark.parametrize('encoding', ENCODINGS)
def test_what_a_terminal_lacks_is_replaced_in_what_is_printed_only(
    encoding: str, make_topic: Callable[..., str]
) -> None:
    """A simulator and both kinds of alert service go on; the log has every character."""
    topic, alert_topic = make_topic(), make_topic()
    with terminal(encoding) as shown:
        assert MsgChoiceSimulator([SAID], topic, key='Łukasz', delay=0).simulate(count=2) == 2
        for group in (None, f'watch-{topic}'):
            Watch(topic, alert_topic, group_id=group, offset='earliest').monitor()
        lines = [line for line in shown().splitlines() if SAID[-4:] in line]
    assert [line.split()[0] == 'ALERT' for line in lines] == [False] * 2 + [True] * 4
    assert ['?' in line for line in lines] == [encoding != 'utf-8'] * 6
    assert values(topic) == [{'sender': 'Łukasz', 'contents': SAID}] * 2
    assert [alert['alert_message'] for alert in values(alert_topic)] == [SAID] * 4


def test_the_walkthrough_shows_who_spoke_on_any_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that a terminal lacks do not end the page that tells what has worked."""
    seen = walkthrough.Seen()
    seen.senders['Łukasz'] += 10
    monkeypatch.setattr(walkthrough, 'look', lambda: seen)
    with terminal('ascii') as shown:
        assert walkthrough.main() == 1
        assert '?ukasz' in shown()


def test_a_line_is_written_once_and_whole() -> None:
    """Nothing of a line that cannot be encoded is written before it is replaced."""
    with terminal('cp1252') as shown:
        show('ä and Ł')
        show('a lone surrogate: \ud800')
        assert shown().splitlines() == ['ä and ?', 'a lone surrogate: ?']
