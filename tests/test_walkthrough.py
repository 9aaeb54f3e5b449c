"""`python -m walkthrough` tells from the log which steps have worked, and what to do next."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import walkthrough
from alerts import AlertService, OffensiveContentAlertService, ThrottlingAlertService
from producer import close, send_msg
from services import Archive
from simulators import NonsenseSimulator, SpamSimulator
from walkthrough import STEPS, Seen, look

HERE = 'human-messages'
ROOT = Path(__file__).parents[1]


@pytest.fixture
def own_topics(topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A human-messages of this test's own, by the prefix that Heroku's clusters use."""
    monkeypatch.setenv('KAFKA_PREFIX', f'{topic}.')


@contextmanager
def monitoring(kind: Callable[..., AlertService]) -> Iterator[None]:
    """Run an alert service over all that was said."""
    service = kind(monitor_topic=HERE, alert_topic='alerts', offset='earliest')
    thread = threading.Thread(target=service.monitor, kwargs={'print_msgs': False}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        service.stop()
        thread.join(20)


def wait_for(found: Callable[[Seen], Any]) -> None:
    """Until the log shows it."""
    deadline = time.monotonic() + 30
    while not found(look()):
        assert time.monotonic() < deadline, look()
        time.sleep(0.1)


def worked() -> list[int]:
    """The steps that have worked, apart from the one that cannot be told."""
    seen = look()
    return [step.number for step in STEPS if step.todo and step.worked(seen)]


def test_each_step_is_seen_when_it_has_worked(
    own_topics: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From an empty Kafka to all steps done: what has worked is ticked off, the next step named.

    With the next step comes what to type.
    """

    def told(number: int) -> None:
        assert worked() == [1, 3, 4, 5, 6, 7, 8][: len(worked())]
        assert walkthrough.main() == 1
        said = capsys.readouterr().out
        assert f'Next, step {number}:' in said
        assert [f'[x] {each.number}.' in said for each in STEPS if each.todo] == [
            each.number < number for each in STEPS if each.todo
        ]
        assert STEPS[number - 1].todo.splitlines()[-1] in said

    told(1)
    send_msg(HERE, {'some': 'dict'}, block=True)
    told(3)
    send_msg(HERE, {'sender': 'red', 'contents': 'hello'}, block=True)
    told(4)
    send_msg(HERE, {'sender': 'blue', 'contents': 'damn'}, block=True)
    told(5)
    NonsenseSimulator(topic=HERE, key='green', delay=0).simulate(count=10, print_msg=False)
    told(6)
    SpamSimulator(topic=HERE, delay=0).simulate(count=101, print_msg=False)
    with monitoring(ThrottlingAlertService):
        wait_for(lambda seen: seen.alerts['throttled'])
    told(7)
    with monitoring(OffensiveContentAlertService):
        wait_for(lambda seen: seen.alerts['offensive_content'])
    told(8)
    Archive(topic=HERE, path=tmp_path / 'chat.db', group_id='archive').run(count=1)
    assert walkthrough.main() == 0
    assert 'All steps have worked.' in capsys.readouterr().out
    seen = look()
    assert (seen.messages, seen.senders['spammer'], seen.alerts['throttled']) == (114, 101, 1)


def test_looking_leaves_no_trace(own_topics: None, topic: str) -> None:
    """Whoever looks creates no topic and commits no offset."""
    from kafka import KafkaAdminClient

    import settings

    look()
    admin = KafkaAdminClient(**settings.client_options('admin'))
    assert not [name for name in admin.list_topics() if name.startswith(f'{topic}.')]
    admin.close()


def test_nothing_on_the_topic_reaches_the_terminal_unseen(
    own_topics: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """A sender's name with an escape sequence in it is shown, not obeyed."""
    for number in range(10):
        send_msg(HERE, {'sender': '\x1b[31mred', 'contents': str(number)}, block=True)
    walkthrough.main()
    said = capsys.readouterr().out
    assert '\\x1b[31mred said 10 things' in said
    assert '\x1b' not in said


def test_without_kafka_it_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """No Kafka: one sentence with the address and the way out."""
    close()
    monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', '127.0.0.1:1')
    assert walkthrough.main() == 1
    said = capsys.readouterr().out
    assert '127.0.0.1:1' in said
    assert 'python -m broker' in said


@pytest.mark.parametrize(('argument', 'status'), [('--help', 0), ('--hlp', 2)])
def test_it_has_help(argument: str, status: int) -> None:
    """`--help` says what it does and looks at no Kafka; anything else is refused."""
    result = subprocess.run(
        [sys.executable, '-m', 'walkthrough', argument],
        cwd=ROOT,
        env=os.environ | {'KAFKA_BOOTSTRAP_SERVERS': '127.0.0.1:1'},
        capture_output=True,
        text=True,
    )
    assert result.returncode == status
    assert 'usage: python -m walkthrough' in result.stdout + result.stderr
    assert ('what to type next' in result.stdout) == (status == 0)


def test_its_steps_are_those_of_the_readme() -> None:
    """Number and title of each step are those of the README's headings."""
    readme = (ROOT / 'README.md').read_text(encoding='utf-8')
    titles = re.findall(r'^## (\d)\. (.+) \(', readme, re.MULTILINE)
    assert [(str(step.number), step.title) for step in STEPS] == titles[:-1]
