"""The walkthrough at real Python prompts: one sends, the other's loop prints."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.logread import values

pexpect = pytest.importorskip(
    'pexpect', reason='pexpect drives a prompt, and needs a terminal that this system lacks'
)

ROOT = Path(__file__).parents[2]
PROMPT = '>>> '
Open = Callable[[], 'Prompt']


class Prompt:
    """An interactive Python, as a learner has it.

    It has a home of its own, and so a history of typed lines of its own.
    """

    def __init__(self, home: Path) -> None:
        env = os.environ | {
            'TERM': 'dumb',
            'PYTHON_BASIC_REPL': '1',
            'PYTHONSTARTUP': '',
            'NO_COLOR': '1',
            'HOME': str(home),
        }
        self.child = pexpect.spawn(
            sys.executable, ['-q'], cwd=str(ROOT), env=env, encoding='utf-8', timeout=20, echo=False
        )
        self.child.expect_exact(PROMPT)

    def type(self, *lines: str) -> str:
        """Type lines, wait for the next prompt, and return what was printed."""
        for line in lines[:-1]:
            self.child.sendline(line)
            self.child.expect(r'(>>>|\.\.\.) ')
        self.child.sendline(lines[-1])
        self.child.expect_exact(PROMPT)
        return str(self.child.before).replace('\r', '').strip()

    def loop(self, *lines: str) -> None:
        """Type the lines of an endless loop, and do not wait for its end."""
        for line in (*lines, ''):
            self.child.sendline(line)
        for _ in lines:
            self.child.expect_exact('... ')

    def see(self, text: str) -> None:
        """Wait until this is printed."""
        self.child.expect_exact(text)

    def interrupt(self) -> str:
        """Ctrl-C, and wait for the prompt."""
        self.child.sendintr()
        self.child.expect_exact(PROMPT)
        return str(self.child.before)


@pytest.fixture
def prompt(kafka: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens prompts, which are closed after the test."""
    opened: list[Prompt] = []

    def open_one() -> Prompt:
        opened.append(Prompt(tmp_path))
        return opened[-1]

    yield open_one
    for each in opened:
        each.child.close(force=True)


def test_the_first_promise_is_kept_by_the_second_look(topic: str, prompt: Open) -> None:
    """On one line the promise is too young to be kept (or just kept); asked again, it is True."""
    one = prompt()
    assert one.type('from producer import send_msg') == ''
    assert (
        one.type(f"promise = send_msg(topic='{topic}', key='red', value={{'some': 'dict'}})") == ''
    )
    assert one.type('promise.succeeded()') in ('True', 'False')
    assert one.type(
        f"send_msg(topic='{topic}', key='red', value={{'some': 'dict'}}).succeeded()"
    ) in ('True', 'False')
    assert one.type('promise.get(timeout=10).offset') == '0'
    assert one.type('promise.succeeded()') == 'True'


def test_one_prompt_sends_and_the_others_loop_prints(topic: str, prompt: Open) -> None:
    """What is sent at one prompt appears at the other.

    Ctrl-C leaves the loop, and the consumer goes on in the next one.
    """
    one, two = prompt(), prompt()
    two.type('import consumer')
    assert two.type(f"c = consumer.get_consumer('{topic}')") == ''
    one.type('from producer import send_msg')
    one.type(f"promise = send_msg(topic='{topic}', key='red', value={{'some': 'dict'}})")
    two.loop('for msg in c:', '    print(msg)')
    two.see("value={'some': 'dict'}")
    one.type(f"promise = send_msg(topic='{topic}', key='red', value={{'other': 'dict'}})")
    two.see("value={'other': 'dict'}")
    assert 'KeyboardInterrupt' in two.interrupt()
    one.type("value = {'sender': 'red', 'contents': 'while nobody listened'}")
    one.type(f"promise = send_msg(topic='{topic}', value=value)")
    two.loop(
        'for msg in c:',
        """    print("{} said: {}".format(msg.value['sender'], msg.value['contents']))""",
    )
    two.see('red said: while nobody listened')
    one.type("value = {'sender': 'red', 'contents': 'hello'}")
    one.type(f"promise = send_msg(topic='{topic}', value=value)")
    two.see('red said: hello')
    assert 'KeyboardInterrupt' in two.interrupt()
    assert two.type('c._closed') == 'False'
    assert one.type('promise.succeeded()') == 'True'


def test_a_simulator_talks_until_ctrl_c(topic: str, prompt: Open) -> None:
    """simulate() prints what it says, and Ctrl-C ends it without a traceback.

    All that was printed is in the log.
    """
    one = prompt()
    one.type('from simulators import NonsenseSimulator')
    one.type(f"sim = NonsenseSimulator(topic='{topic}', key='green', delay=0.1)")
    one.child.sendline('sim.simulate()')
    for _ in range(3):
        one.see('green said: the')
    left = one.interrupt()
    assert 'Traceback' not in left
    # Ctrl-C makes a terminal drop what it has not shown yet, for instance the end of a line.
    count = re.search(r'(\d+)\s*$', left)
    assert count
    assert int(count[1]) == len(values(topic)) >= 3
    assert one.type('1 + 1') == '2'


def test_an_alert_service_watches_until_ctrl_c(
    make_topic: Callable[..., str], prompt: Open
) -> None:
    """monitor() prints each alert and writes it to its topic.

    Ctrl-C ends it without a traceback, and it can be started again.
    """
    topic, alerts = make_topic(), make_topic()
    one, two = prompt(), prompt()
    two.type('from alerts import OffensiveContentAlertService')
    two.type(
        'service = OffensiveContentAlertService('
        f"monitor_topic='{topic}', alert_topic='{alerts}', offset='earliest')"
    )
    one.type('from producer import send_msg')
    one.type("value = {'sender': 'grumpy', 'contents': 'damn'}")
    for turn in (1, 2):
        two.child.sendline('service.monitor()')
        one.type(f"send_msg(topic='{topic}', value=value).get(10).offset")
        for _ in range(turn):  # with offset='earliest', each start reads it all again
            two.see('ALERT offensive_content: grumpy used offensive words: d***')
        assert 'Traceback' not in two.interrupt()
    assert [alert['triggered_by'] for alert in values(alerts)] == [
        {'sender': 'grumpy', 'contents': 'damn'}
    ] * 3


def test_a_traceback_at_the_prompt_ends_with_the_way_out(topic: str, prompt: Open) -> None:
    """What cannot be sent is refused at the prompt in words, and the prompt goes on."""
    one = prompt()
    one.type('from producer import send_msg')
    said = one.type(f"send_msg(topic='{topic}', value={{1, 2}})")
    assert said.splitlines()[-1].startswith(
        'errors.MessageError: {1, 2} is of type set, which JSON does not have.'
    )
    assert one.type(f"send_msg(topic='{topic}', value=[1, 2], block=True).succeeded()") == 'True'


def test_leaving_the_prompt_loses_nothing(topic: str, prompt: Open) -> None:
    """What was sent just before exit() is in the log, and nothing is said."""
    one = prompt()
    one.type('from producer import send_msg')
    one.child.sendline(
        f"for number in range(1000): promise = send_msg(topic='{topic}', value=number)"
    )
    one.child.sendline('')
    one.child.sendline('exit()')
    one.child.expect(pexpect.EOF)
    assert 'delivered' not in one.child.before
    assert values(topic) == list(range(1000))
