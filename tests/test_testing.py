"""The learner's kit: what is said is heard, and what is not is told."""

import re
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaProducer

from alerts import ThrottlingAlertService
from bots import RoomTalker
from errors import OpenTransactionError
from producer import send_msg
from settings import client_options
from testing import Conversation, overhear, record

ROOT = Path(__file__).parents[1]
Say = Callable[..., None]
Hear = Callable[..., list[Any]]

LEARNERS = """
from bots import AnswerBot
from bots import RoomTalker
from testing import record
from services import TrendingWords


class Shouter(AnswerBot):
    def answer(self, message):
        return message['contents'].upper() if message['contents'].endswith('?') else None


def test_without_kafka():
    assert Shouter('room').answer({'sender': 'red', 'contents': 'what?'}) == 'WHAT?'
    trends = TrendingWords('room')
    trends.on_message(record('red', 'hello hello there'))
    assert trends.top(1) == [('hello', 2)]


def test_on_a_real_kafka(topic, say, hear):
    with Shouter(topic, sender='shouter') as bot:
        say('red', 'what?')
        bot.run(count=1)
    assert hear(2)[-1] == {'sender': 'shouter', 'contents': 'WHAT?'}
"""


def test_what_is_said_is_heard(say: Say, hear: Hear) -> None:
    """Calling hear(n) gives the next n messages, hear() all the others, and none twice."""
    for number in range(5):
        say('red', str(number))
    assert hear(2) == [{'sender': 'red', 'contents': '0'}, {'sender': 'red', 'contents': '1'}]
    assert [each['contents'] for each in hear()] == ['2', '3', '4']
    assert hear() == []
    say('blue', 'again')
    assert hear(1) == [{'sender': 'blue', 'contents': 'again'}]


def test_hear_tells_what_is_missing(topic: str, say: Say, hear: Hear) -> None:
    """Hear waits no longer than its timeout, and says what came instead."""
    say('red', 'alone')
    begun = time.monotonic()
    with pytest.raises(
        AssertionError, match=rf"1 of 2 messages came to '{topic}' within 0.3 s: .*alone"
    ):
        hear(2, timeout=0.3)
    assert 0.3 <= time.monotonic() - begun < 3


def test_hear_waits_for_no_transaction_longer_than_it_should(topic: str, hear: Hear) -> None:
    """Another program leaves a transaction open: that is told after the timeout, as all else is."""
    options = client_options('producer', transactional_id=f'{topic}-other')
    with closing(KafkaProducer(**options)) as other:
        other.init_transactions()
        other.begin_transaction()
        other.send(topic, b'1').get(10)
        with pytest.raises(AssertionError, match=r'0 of all messages .* within 0.3 s') as caught:
            hear(timeout=0.3)
        assert isinstance(caught.value.__cause__, OpenTransactionError)
        other.commit_transaction()
    assert hear() == [1]


def test_another_topic_can_be_heard(topic: str, hear: Hear, make_topic: Callable[..., str]) -> None:
    """hear(topic=...) listens elsewhere, such as to alerts; it takes any JSON."""
    other = make_topic(partitions=3)
    for number in range(6):
        send_msg(other, [number], key=str(number), block=True)
    assert sorted(hear(6, topic=other)) == [[number] for number in range(6)]
    assert hear() == []


def test_a_room_is_closed(topic: str) -> None:
    """After close nothing hears any more; hearing again begins anew."""
    room = Conversation(topic)
    room.say('red', 'hello')
    assert len(room.hear(1)) == 1
    room.close()
    assert len(room.hear()) == 1
    room.close()


def test_a_record_is_what_kafka_gives(say: Say, topic: str) -> None:
    """record(...) makes what a service is given: the same type and fields, an offset of its own."""
    from consumer import get_consumer

    say('red', 'hello', timestamp=1_700_000_000.5, headers=[('bot', b'red')])
    consumer = get_consumer(topic, offset='earliest')
    real, made = (
        next(consumer),
        record('red', 'hello', timestamp=1_700_000_000.5, headers=[('bot', b'red')]),
    )
    consumer.close()
    assert type(made) is type(real)
    assert (made.key, made.value, made.timestamp, made.headers) == (
        real.key,
        real.value,
        real.timestamp,
        real.headers,
    )
    assert record('red', 'next').offset == made.offset + 1


def test_what_a_service_sends_can_be_overheard_without_kafka(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A service that sends is tested without any Kafka: what it would have sent is in a list."""
    monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', '127.0.0.1:1')
    talker = RoomTalker('human-messages', every=1, seed=1)
    sent = overhear(talker)
    talker.on_message(record('red', 'hello'))
    talker.on_message(record('other', 'words of a bot', headers=[('bot', b'other')]))
    assert sent == [('human-messages', {'sender': 'parrot', 'contents': 'hello'})]


def test_an_alert_service_can_be_overheard_without_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    """It has its state and the record's time, and what it alerts about is in a list."""
    monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', '127.0.0.1:1')
    throttle = ThrottlingAlertService('human-messages', 'alerts', limit=1, duration=10.0)
    sent = overhear(throttle)
    for contents, timestamp in [('1', 100.0), ('2', 109.0), ('3', 130.0), ('4', 139.0)]:
        throttle.process_message(record('red', contents, timestamp=timestamp))
    assert [topic for topic, _ in sent] == ['alerts', 'alerts']
    assert [alert['triggered_by']['contents'] for _, alert in sent] == ['2', '4']
    assert throttle.now == 139.0


def test_what_an_alert_service_wrote_is_there_when_it_returns(
    topic: str, make_topic: Callable[..., str], say: Say, hear: Hear
) -> None:
    """A run with an end, of a view: hear() needs no wait, whatever was alerted about."""
    alerts = make_topic()
    with ThrottlingAlertService(topic, alerts, limit=0) as service:
        for number in range(30):
            say('red', str(number))
        assert service.run(count=30) == 30
    assert len(hear(topic=alerts)) == 30


def test_a_learners_tests_run_as_they_are(kafka: Any, tmp_path: Path) -> None:
    """Ten lines for a bot, with and without Kafka, in a file as a learner writes it."""
    path = tmp_path / 'test_shouter.py'
    path.write_text(LEARNERS, encoding='utf-8')
    command = [
        sys.executable,
        '-m',
        'pytest',
        '-q',
        '-c',
        str(ROOT / 'pyproject.toml'),
        '-p',
        'conftest',
        '-p',
        'no:cacheprovider',
        str(path),
    ]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stdout
    assert '2 passed' in run.stdout


BOT = """
import os,sys
from bots import AnswerBot
class Dice( AnswerBot ):
    def answer(self,message): return "you rolled a 4" if message["contents"]=="!dice" else None
if __name__ == "__main__":
    print(Dice(sys.argv[1]).answer({"sender": "red", "contents": "!dice"}))
"""
BOT_TEST = """
from my_bot import Dice
def test_it_answers(topic, say, hear):
    with Dice(topic, sender="dice") as bot:
        say("red", "!dice")
        bot.run(count=1)
    assert hear()[-1] == {"sender": "dice", "contents": "you rolled a 4"}
"""


def test_what_learners_write_is_theirs(kafka: Any, tmp_path: Path) -> None:
    """In the folder mine/ nothing is checked but what they run themselves, and all of it works."""

    def run(*command: str) -> str:
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    listing = ['git', 'ls-files', '--cached', '--others', '--exclude-standard']
    listed = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in listed.splitlines():
        if name.endswith(('.py', '.toml', '.gitignore')) and (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    mine = tmp_path / 'mine'
    mine.mkdir()
    (mine / 'my_bot.py').write_text(BOT, encoding='utf-8')
    (mine / 'test_my_bot.py').write_text(BOT_TEST, encoding='utf-8')
    assert run(sys.executable, '-m', 'mine.my_bot', 'room') == 'you rolled a 4\n'
    assert '1 passed' in run(sys.executable, '-m', 'pytest', '-q', 'mine/test_my_bot.py')
    for each in (['check'], ['format', '--check']):  # without git, as in a kit
        run(sys.executable, '-m', 'ruff', *each, '--quiet')
    run('git', 'init', '--quiet')
    assert 'mine' not in run(*listing)
    config = tomllib.loads((ROOT / 'pyproject.toml').read_text(encoding='utf-8'))
    assert any(re.search(each, 'mine/my_bot.py') for each in config['tool']['mypy']['exclude'])
    assert 'mine' not in config['tool']['pytest']['ini_options']['testpaths']
