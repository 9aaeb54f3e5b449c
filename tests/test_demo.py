"""The demo as a newcomer starts it: it talks, alerts, counts, ends, and leaves nothing behind.

Also here: a real chat log through both alert services.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts import AlertService, OffensiveContentAlertService, ThrottlingAlertService
from simulators import ReplaySimulator
from tests.support.logread import values

ROOT = Path(__file__).parents[1]
CHATLOGS = Path(os.environ.get('CHATLOGS') or Path(__file__).parents[2] / 'shared' / 'chatlogs')
LOG = CHATLOGS / 'ubuntu-irc-2008-04-27.txt'
WORDS = ('arse', 'crap', 'damn', 'hell', 'shit', 'stupid')
needs_log = pytest.mark.skipif(
    not LOG.is_file(), reason=f'no file {LOG}: set CHATLOGS to a folder that holds it'
)
Start = Callable[..., 'subprocess.Popen[str]']


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts demos, whose temporary files are in tmp_path; none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> 'subprocess.Popen[str]':
        env = os.environ | {
            'TMPDIR': str(tmp_path),
            'KAFKA_BOOTSTRAP_SERVERS': 'nobody.invalid:1',  # which the demo must not ask
        }
        demo = subprocess.Popen(
            [sys.executable, '-u', '-m', 'demo', *arguments],
            cwd=ROOT,
            env=env,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(demo)
        return demo

    yield start
    for each in started:
        each.kill()
        each.communicate()


def summary(said: str) -> dict[str, int]:
    """The numbers at the end."""
    _, _, end = said.rpartition('After ')
    return {
        name: int(number) for name, number in re.findall(r'^  (\S.*?) +(-?\d+)$', end, re.MULTILINE)
    }


def left_behind(folder: Path) -> list[str]:
    """Processes whose environment names this temporary folder, and what is in the folder."""
    left = [str(path) for path in folder.iterdir()]
    for each in Path('/proc').glob('[0-9]*'):
        try:
            command = (each / 'cmdline').read_bytes()
            environment = (each / 'environ').read_bytes().split(b'\0')
        except OSError:
            continue  # it has ended, or is not ours
        if f'TMPDIR={folder}'.encode() in environment or str(folder).encode() in command:
            left.append(command.replace(b'\0', b' ').decode())
    return left


def wait_until_nothing_is_left(folder: Path) -> None:
    """What the demo started ends within seconds of it."""
    deadline = time.monotonic() + 10
    while left := left_behind(folder):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


@pytest.mark.broker
def test_the_demo_shows_the_whole_walkthrough(start: Start, tmp_path: Path) -> None:
    """Chat and alerts of both kinds are printed, all of it is counted, and nothing is lost.

    Where there is no terminal, the lines are plain.
    """
    demo = start('--seconds', '5', '--limit', '5')
    said, complaints = demo.communicate(timeout=80)
    assert (demo.returncode, complaints) == (0, '')
    counts = summary(said)
    assert counts['messages sent'] == counts['acknowledged'] == counts['read'] > 20
    assert counts['lost'] == 0
    assert counts['alerts: throttled'] > 0
    assert counts['alerts: offensive_content'] > 0
    lines = said.splitlines()
    assert sum(' said: ' in line for line in lines) == counts['read']
    assert Counter(line.split()[1] for line in lines if line.startswith('*** ')) == {
        'throttled:': counts['alerts: throttled'],
        'offensive_content:': counts['alerts: offensive_content'],
    }
    assert any(
        line.startswith('*** throttled: spammer sent more than 5 messages within 60 seconds')
        for line in lines
    )
    assert '\x1b' not in said
    wait_until_nothing_is_left(tmp_path)


@pytest.mark.broker
@pytest.mark.parametrize('how', [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_demo_sums_up_and_leaves_nothing(
    start: Start, tmp_path: Path, how: signal.Signals
) -> None:
    """Ctrl-C and SIGTERM end it within seconds, with a summary in which nothing is lost."""
    demo = start('--seconds', '60')
    assert demo.stdout is not None
    while ' said: ' not in (line := demo.stdout.readline()):
        assert line
    demo.send_signal(how)
    began = time.monotonic()
    said, complaints = demo.communicate(timeout=40)
    assert time.monotonic() - began < 20
    assert (demo.returncode, complaints) == (0, '')
    counts = summary(said)
    assert counts['lost'] == 0
    assert counts['read'] == counts['acknowledged'] > 0
    wait_until_nothing_is_left(tmp_path)


@pytest.mark.broker
def test_a_demo_that_is_interrupted_at_once_leaves_nothing(start: Start, tmp_path: Path) -> None:
    """Ctrl-C while Kafka starts ends it without a traceback."""
    demo = start()
    deadline = time.monotonic() + 20
    while not list(tmp_path.iterdir()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    demo.send_signal(signal.SIGINT)
    _, complaints = demo.communicate(timeout=20)
    assert 'Traceback' not in complaints
    wait_until_nothing_is_left(tmp_path)


@pytest.mark.broker
def test_a_killed_demo_leaves_nothing(start: Start, tmp_path: Path) -> None:
    """After kill -9, its broker, its services and its folder are gone within seconds."""
    demo = start('--seconds', '60')
    assert demo.stdout is not None
    while ' said: ' not in (line := demo.stdout.readline()):
        assert line
    demo.kill()
    demo.communicate()
    wait_until_nothing_is_left(tmp_path)


def reference(limit: int, duration: float) -> Counter[tuple[str, str, str]]:
    """The alerts that a log deserves, by code that shares nothing with the services.

    Each is counted as (type, sender, contents).
    """
    found: Counter[tuple[str, str, str]] = Counter()
    times: defaultdict[str, list[int]] = defaultdict(list)
    begin: int | None = None
    now = 0  # seconds since the first message
    for line in LOG.read_bytes().decode('utf-8', 'replace').split('\n'):
        said = re.match(r'\[(\d\d):(\d\d)\] <(.+?)> ?(.*)', line)
        if not said:
            continue
        hours, minutes, sender, contents = said.groups()
        seconds = int(hours) * 3600 + int(minutes) * 60
        if begin is None:
            begin = seconds
        now = max(now, seconds - begin)
        times[sender].append(now)
        in_window = [time for time in times[sender] if time > now - duration]
        if len(in_window) > limit:
            found['throttled', sender, contents] += 1
        words = '|'.join(WORDS)
        if re.search(rf'(?<![^\W_])({words})(?![^\W_])', contents, re.IGNORECASE):
            found['offensive_content', sender, contents] += 1
    return found


@needs_log
@pytest.mark.parametrize('duration', [60.0, 600.0])
def test_a_real_log_gets_the_alerts_that_it_deserves(
    make_topic: Callable[..., str], duration: float
) -> None:
    """A day of #ubuntu, at full speed over three partitions, gets exactly the alerts due."""
    topic, alerts = make_topic(partitions=3), make_topic()
    services: list[AlertService] = [
        ThrottlingAlertService(topic, alerts, limit=10, duration=duration, offset='earliest'),
        OffensiveContentAlertService(topic, alerts, words=WORDS, offset='earliest'),
    ]
    threads = [threading.Thread(target=service.monitor, args=[False]) for service in services]
    for thread in threads:
        thread.start()
    expected = reference(10, duration)
    try:
        assert (
            ReplaySimulator(LOG, speed=float('inf'), topic=topic).simulate(print_msg=False) == 1939
        )
        deadline = time.monotonic() + 20
        while len(found := values(alerts)) < expected.total() and time.monotonic() < deadline:
            time.sleep(0.2)
    finally:
        for service, thread in zip(services, threads, strict=True):
            service.stop()
            thread.join(20)
    assert Counter(triple(alert) for alert in found) == expected
    assert Counter(triple(alert) for alert in values(alerts)) == expected
    kinds = Counter(kind for kind, _, _ in expected.elements())
    assert kinds['offensive_content'] > 5
    # The log's clock shows minutes only, and nobody says more than eight things in one.
    assert (kinds['throttled'] > 50) == (duration > 60)


def triple(alert: Any) -> tuple[str, str, str]:
    """An alert as the reference has it."""
    return alert['alert_type'], alert['triggered_by']['sender'], alert['triggered_by']['contents']


@needs_log
@pytest.mark.broker
def test_the_demo_replays_a_real_log(start: Start, tmp_path: Path) -> None:
    """A replay from the command line plays a whole log, gets the alerts due, and loses nothing."""
    demo = start('--replay', str(LOG), '--speed', 'inf', '--limit', '4')
    said, complaints = demo.communicate(timeout=80)
    assert (demo.returncode, complaints) == (0, '')
    counts = summary(said)
    assert counts['messages sent'] == counts['acknowledged'] == counts['read'] == 1939
    assert counts['lost'] == 0
    alerts = reference(4, 60.0).elements()
    deserved = Counter(sender for kind, sender, _ in alerts if kind == 'throttled')
    line = r'^\*\*\* throttled: (.*) sent more than 4 messages within 60 seconds$'
    assert Counter(re.findall(line, said, re.MULTILINE)) == deserved
    assert counts['alerts: throttled'] == deserved.total() > 5
    wait_until_nothing_is_left(tmp_path)


def test_what_the_demo_cannot_do_is_said(start: Start) -> None:
    """A log that is not there is one line, not a traceback."""
    demo = start('--replay', 'nowhere.txt')
    _, complaints = demo.communicate(timeout=20)
    assert demo.returncode == 1
    assert complaints.startswith("'nowhere.txt' is not a file.")
    assert len(complaints.splitlines()) == 1
