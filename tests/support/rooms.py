"""What the tests of the room share: a Kafka, a room in a process of its own, and browsers."""

import contextlib
import http.client
import http.cookies
import os
import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from broker import Broker
from producer import send_msg
from tests.support import brokers
from tests.support.brokers import ROOT
from tests.support.rig import free_port
from tests.support.testkafka import clean

DEADLINE = 60.0  # seconds: a browser shares the machine with other tests
TALK, ALERTS = 'human-messages', 'alerts'
TEACHER = 'the-token-of-the-tests'
PICTURES = os.environ.get('ROOM_PICTURES')
CHROMIUM = ('chromium', 'chromium-browser', 'google-chrome', 'chrome')
FLAGS = (
    'headless',
    'no-sandbox',
    'disable-gpu',
    'disable-quic',
    'no-first-run',
    'disable-background-networking',
    'disable-sync',
    'disable-component-update',
    'disable-dev-shm-usage',
    'hide-scrollbars',
)


def eventually(condition: Callable[[], Any], timeout: float = DEADLINE) -> Any:
    """As everywhere in the tests, and more patient."""
    return brokers.eventually(condition, timeout)


def needs_chromium() -> tuple[str, str]:
    """Where Chromium and its driver are; without them the test is skipped, or fails in CI."""
    found = [shutil.which(name) for name in CHROMIUM]
    browser = next(filter(None, found), None)
    driver = shutil.which('chromedriver')
    if browser and driver:
        return browser, driver
    missing = 'Chromium and its driver are needed: sudo apt-get install chromium chromium-driver'
    if os.environ.get('CI'):
        pytest.fail(missing, pytrace=False)
    pytest.skip(missing)


class Browser:
    """One visitor."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        from selenium import webdriver

        browser, driver = needs_chromium()
        options = webdriver.ChromeOptions()
        options.binary_location = browser
        own = (f'user-data-dir={folder}', f'window-size={width},{height}')
        for flag in (*FLAGS, *own):
            options.add_argument(f'--{flag}')
        # Crash reports go to the configuration's folder.
        environment = os.environ | {'XDG_CONFIG_HOME': str(folder)}
        service = webdriver.ChromeService(driver, env=environment)
        self.driver = webdriver.Chrome(options=options, service=service)

    def open(self, address: str) -> None:
        self.driver.get(address)
        eventually(lambda: self.js('return document.querySelector(".name input").value'))

    def js(self, code: str, *args: Any) -> Any:
        return self.driver.execute_script(code, *args)

    def texts(self, selector: str) -> list[str]:
        return list(
            self.js(
                'return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)',
                selector,
            )
        )

    def sees(self, text: str, selector: str = '.bubble', timeout: float = DEADLINE) -> None:
        eventually(lambda: any(text in each for each in self.texts(selector)), timeout)

    def click(self, selector: str, index: int = 0) -> None:
        self.js('document.querySelectorAll(arguments[0])[arguments[1]].click()', selector, index)

    def open_tab(self, title: str) -> None:
        tabs = '[...document.querySelectorAll(".q-tab")]'
        self.js(f'{tabs}.find(tab => tab.textContent.includes(arguments[0])).click()', title)

    def say(self, text: str) -> None:
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys

        self.driver.find_element(By.CSS_SELECTOR, '.text textarea').send_keys(text, Keys.ENTER)

    def picture(self, name: str) -> None:
        if PICTURES:
            (ROOT / PICTURES).mkdir(exist_ok=True)
            self.driver.save_screenshot(str(ROOT / PICTURES / name))


@pytest.fixture(scope='session')
def kafka_here() -> Iterator[Broker]:
    """A Kafka whose topics have three partitions."""
    needs_chromium()
    with Broker(properties={'num.partitions': '3'}) as broker:
        yield broker


@pytest.fixture(scope='session')
def address(room_process: tuple[int, str]) -> str:
    """Where the room is."""
    return room_process[1]


@pytest.fixture(scope='session')
def room_process(kafka_here: Broker) -> Iterator[tuple[int, str]]:
    """A room in a process of its own: its process id, and its address."""
    port = free_port()
    environment = _environment(**kafka_here.env())
    command = [sys.executable, '-m', 'room', '--port', str(port)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        eventually(lambda: _answers(f'http://127.0.0.1:{port}/'))
        yield process.pid, f'http://127.0.0.1:{port}/'
        process.terminate()
        said, _ = process.communicate(timeout=20)
        assert 'Traceback' not in said, said
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def open_room() -> Iterator[Callable[..., tuple[int, 'subprocess.Popen[str]']]]:
    """Opens rooms without Kafka: ``open_room('--host', '0.0.0.0')`` gives port and process."""
    with contextlib.ExitStack() as stack:

        def start(
            *options: str,
            port: int = 0,
            to: str = '127.0.0.1',
            before: str = 'pass',
            **variables: str,
        ) -> tuple[int, 'subprocess.Popen[str]']:
            port = port or free_port()
            nowhere = {
                'KAFKA_BOOTSTRAP_SERVERS': f'127.0.0.1:{free_port()}',
                'PYTHONIOENCODING': 'utf-8',
            }
            environment = _environment(**nowhere | variables)
            code = (
                f'import sys; from room import __main__, server; {before}; '
                'sys.exit(__main__.main())'
            )
            process = subprocess.Popen(
                [sys.executable, '-W', 'ignore', '-c', code, '--port', str(port), *options],
                cwd=ROOT,
                env=environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding='utf-8',
            )
            stack.callback(process.communicate)
            stack.callback(process.kill)
            eventually(lambda: connects(to, port) or process.poll() is not None)
            return port, process

        yield start


def _environment(**variables: str) -> dict[str, str]:
    """What a room of the tests finds in its environment."""
    ours = {
        name: value for name, value in clean(os.environ).items() if not name.startswith('PYTEST')
    }
    return ours | {'ROOM_TEACHER_TOKEN': TEACHER} | variables


def say(text: str, sender: str = 'red', **more: Any) -> Any:
    """Say something in the room as a program does; returns where it is (RecordMetadata)."""
    value = {'sender': sender, 'contents': text}
    return send_msg(TALK, value, block=True, **more).get(timeout=10)


def connects(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2):
        return True
    return False


def get(
    port: int, path: str, to: str = '127.0.0.1', source: str = '', **headers: str
) -> tuple[int, Message, str]:
    """Make a request, from any address of this machine: the status, the headers and the page."""
    line = http.client.HTTPConnection(
        to, port, timeout=10, source_address=(source, 0) if source else None
    )
    with contextlib.closing(line):
        line.request(
            'GET', path, headers={name.replace('_', '-'): value for name, value in headers.items()}
        )
        answer = line.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def cookies(answer: tuple[int, Message, str]) -> str:
    """The cookies that an answer sets, as a request has them."""
    jar = http.cookies.SimpleCookie()
    for each in answer[1].get_all('Set-Cookie') or ():
        jar.load(each)
    return '; '.join(f'{name}={morsel.value}' for name, morsel in jar.items())


def _answers(address: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as page:
        return bool(page.status == 200)
    return False


@pytest.fixture(scope='session')
def two(
    address: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Browser, Browser]]:
    """The teacher and a visitor, who stay for all tests."""
    with contextlib.ExitStack() as stack:
        both = []
        for size, link in (((1500, 1000), f'?teach={TEACHER}'), ((1100, 800), '')):
            both.append(Browser(tmp_path_factory.mktemp('browser'), *size))
            stack.callback(both[-1].driver.quit)
            both[-1].open(address + link)
        yield both[0], both[1]


@pytest.fixture
def settings_here(
    kafka_here: Broker, clean_environment: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test itself talks to the same Kafka."""
    for name, value in kafka_here.env().items():
        monkeypatch.setenv(name, value)
