"""A cluster of three in the terminal, and a room beside it that kills one of its brokers."""

import contextlib
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.ports import is_free
from tests.support.brokers import ROOT
from tests.support.rig import free_port
from tests.support.rooms import TEACHER, Browser, connects, eventually, needs_chromium
from tests.support.testkafka import clean

pytestmark = [pytest.mark.browser, pytest.mark.broker, pytest.mark.slow]


@contextlib.contextmanager
def _running(*module: str, folder: Path, **settings: str) -> Iterator['subprocess.Popen[str]']:
    environment = {n: value for n, value in clean(os.environ).items() if not n.startswith('PYTEST')}
    process = subprocess.Popen(
        [sys.executable, '-u', '-W', 'ignore', '-m', *module],
        cwd=folder,
        env=environment | {'PYTHONPATH': str(ROOT)} | settings,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=20)
        process.kill()
        process.communicate()


def _three_ports() -> int:
    """The first of three that nobody listens on: below those that the system gives to clients."""
    while True:
        first = random.randrange(15_000, 30_000)
        if all(is_free(first + more) for more in range(3)):
            return first


@pytest.mark.timeout(240)
def test_a_broker_is_killed_and_the_chat_goes_on(tmp_path: Path) -> None:
    """The room's buttons reach `python -m broker --brokers 3`: one is killed, and comes back.

    Meanwhile the page shows who leads, who is in sync and who is down, and one can talk. And the
    one partition that a topic has there becomes three.
    """
    needs_chromium()
    first, web = _three_ports(), free_port()
    servers = ','.join(f'127.0.0.1:{first + more}' for more in range(3))
    arguments = ('broker', '--brokers', '3', '--port', str(first))
    with _running(*arguments, folder=tmp_path) as broker, contextlib.ExitStack() as stack:
        assert broker.stdout
        line = said = ''
        while 'Kafka is ready' not in line:
            line = broker.stdout.readline()
            said += line
            assert line, said
        room = ('room', '--port', str(web))
        variables = {'KAFKA_BOOTSTRAP_SERVERS': servers, 'ROOM_TEACHER_TOKEN': TEACHER}
        stack.enter_context(_running(*room, folder=tmp_path, **variables))
        eventually(lambda: connects('127.0.0.1', web))
        browser = Browser(tmp_path / 'browser', 1500, 1000)
        stack.callback(browser.driver.quit)
        browser.open(f'http://127.0.0.1:{web}/?teach={TEACHER}')
        browser.sees('live', '.state')
        browser.say('three brokers')
        browser.sees('three brokers', '.bubble.own:not(.pending)')
        browser.sees('in sync 1 2 3', '.lane-kept')
        browser.open_tab('Teach')
        eventually(lambda: len(browser.texts('.broker')) == 3)
        leader = int(browser.texts('.lane-kept')[0].removeprefix('leader ')[0])
        browser.click('.broker-kill', leader - 1)
        browser.sees(f'not in sync {leader} (down)', '.lane-kept')
        browser.sees(f'broker {leader} is down', '.lane-summary')
        browser.sees('is away', '.broker-state')
        eventually(lambda: not browser.texts('.lane-kept')[0].startswith(f'leader {leader}'))
        browser.say('and one of them is gone')
        browser.sees('and one of them is gone', '.bubble.own:not(.pending)')
        browser.picture('room-broker-away.png')
        browser.click('.broker-restart', leader - 1)
        browser.sees('in sync 1 2 3', '.lane-kept')
        eventually(lambda: browser.texts('.broker-state') == ['is there'] * 3)
        browser.click('.make-three')
        eventually(lambda: len(browser.texts('.lane')) == 3)
        eventually(
            lambda: not browser.js('return document.querySelector(".make-three").offsetWidth')
        )
        text = f'kill {leader}: Broker {leader} was killed.'
        assert any(text in broker.stdout.readline() for _ in range(40))
