"""What the teacher does in front of the class, in a real browser on a real Kafka."""

import re
import time
from collections import Counter

import pytest
from kafka import TopicPartition
from selenium.webdriver.common.by import By

from consumer import get_consumer
from producer import flush, send_msg
from tests.support.brokers import gone
from tests.support.rooms import ALERTS, TALK, Browser, eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.usefixtures('settings_here'),
]
ROWS = """
    return [...document.querySelectorAll(".process")].map(row => [
        row.querySelector(".process-name").textContent,
        row.querySelector(".process-state").textContent,
    ])
"""
LIMIT = 100  # messages within 60 s, above which the throttling service alerts on each


def _processes(browser: Browser) -> dict[str, int]:
    """The running processes by name, as the page shows them."""
    return {
        name: int(found[1])
        for name, state in browser.js(ROWS)
        if (found := re.search(r'process (\d+)', state))
    }


def _press(browser: Browser, button: str, name: str) -> None:
    """Press a button in the row of a process, as soon as it is there."""
    code = """
        const names = [...document.querySelectorAll(".process-name")];
        const name = names.find(each => each.textContent === arguments[1]);
        const button = name?.parentElement.querySelector(arguments[0]);
        button?.click();
        return Boolean(button);
    """
    eventually(lambda: browser.js(code, f'.{button}', name))


def _open(browser: Browser) -> None:
    browser.open_tab('Teach')
    browser.sees('Start', '.teach')


def test_what_the_teacher_starts_is_seen_and_stops(two: tuple[Browser, Browser]) -> None:
    """A simulator, a spammer and a throttling service start as processes of their own, and end.

    The service's alert appears, and the message that triggered it is marked.
    """
    one, other = two
    _open(one)
    assert any('NonsenseSimulator(' in each and '.simulate()' in each for each in _code(one))
    for name in ('nonsense', 'throttle', 'spammer'):
        one.click(f'.teach-{name}')
    other.sees('spammer: throttled', '.alert')
    other.sees('throttled', '.bubble.marked')
    other.sees('spammer', '.bubble.marked')
    pids = _processes(one)
    assert sorted(pids) == ['nonsense-1', 'spammer-1', 'throttle-1']
    _press(one, 'stop', 'spammer-1')
    eventually(lambda: 'spammer-1' not in _processes(one))
    one.sees('throttle-1 · human-messages-throttle', '.marker-name')
    send_msg(TALK, {'sender': 'anna', 'contents': 'What was that?'}, block=True)
    one.say('Kafka is a log: look at the offsets grow')
    one.sees('look at the offsets grow')
    one.open_tab('Groups')
    one.sees('human-messages-throttle', '.groups')
    one.picture('room.png')
    one.click('.dark-mode')
    one.open_tab('Plots')
    eventually(lambda: one.js('return document.querySelectorAll(".plot svg").length') >= 3)
    eventually(lambda: one.js('return document.body.classList.contains("body--dark")'))
    one.picture('room-dark.png')
    one.click('.dark-mode')
    _open(one)
    one.click('.stop-all')
    eventually(lambda: all(map(gone, pids.values())))
    eventually(lambda: not _processes(one))


def _code(browser: Browser) -> list[str]:
    return browser.texts('.info .code')


def test_a_member_is_killed_and_nothing_is_lost(two: tuple[Browser, Browser]) -> None:
    """Three members share, one is killed, the others take over: every alert comes, and comes once.

    (The class's minute, in five pictures.)
    """
    one, _ = two
    alerts_before = _end(ALERTS)
    group = f'{TALK}-throttle'
    names = f'.marker[data-group="{group}"] .marker-name'
    _open(one)
    for number in (1, 2, 3):
        one.click('.teach-throttle')
        one.sees(f'throttle-{number}', '.process-name')
    eventually(
        lambda: sorted(one.texts(names)) == [f'throttle-{each} · {group}' for each in (1, 2, 3)],
    )
    one.picture('minute-1-three-members.png')
    sent: Counter[str] = Counter()
    began = time.time() - 10  # all within one window, however slow this machine is
    talkers = [f'minute {number}' for number in range(6)]

    def talk(count: int) -> None:
        for _ in range(count):
            for name in talkers:
                sent[name] += 1
                value = {'sender': name, 'contents': f'number {sent[name]}'}
                send_msg(TALK, value, timestamp=began + sent[name] / 1000)
        flush()

    talk(100)
    _press(one, 'kill', 'throttle-2')
    lag = f'return [...document.querySelectorAll(\'.marker[data-group="{group}"]\')]'
    late = f'{lag}.some(each => Number(each.dataset.lag) > 40)'
    eventually(lambda: (talk(2), one.js(late))[1])  # type: ignore[func-returns-value]
    one.picture('minute-2-one-is-killed.png')
    owners = ('throttle-1 ', 'throttle-3 ')
    eventually(lambda: all(each.startswith(owners) for each in one.texts(names)))
    eventually(lambda: one.js('return document.querySelector(".marker.moved") !== null'))
    one.picture('minute-3-markers-change-owner.png')
    talk(30)
    eventually(lambda: one.js(f'{lag}.every(each => Number(each.dataset.lag) <= 1)'))
    one.picture('minute-4-lag-is-gone.png')
    expected = {name: max(count - LIMIT, 0) for name, count in sent.items()}
    assert min(expected.values()) > 0
    eventually(lambda: sum(_alerts(alerts_before, talkers).values()) >= sum(expected.values()))
    assert _alerts(alerts_before, talkers) == expected
    one.sees(f'minute 0: throttled, {expected["minute 0"]:,} times', '.alert')
    one.open_tab('Groups')
    one.sees('throttle-3', '.groups')
    one.picture('minute-5-alerts-exact.png')
    _open(one)
    one.click('.stop-all')
    eventually(lambda: not _processes(one))


def _end(topic: str) -> dict[TopicPartition, int]:
    with get_consumer(topic) as consumer:
        partitions = [TopicPartition(topic, n) for n in consumer.partitions_for_topic(topic) or ()]
        return dict(consumer.end_offsets(partitions))


def _alerts(begins: dict[TopicPartition, int], names: list[str]) -> dict[str, int]:
    """How many alerts there are about each sender since then."""
    found: Counter[str] = Counter()
    with get_consumer(ALERTS, offset='earliest', timeout=1.0) as consumer:
        for alert in consumer:
            if alert.offset >= begins.get(TopicPartition(ALERTS, alert.partition), 0):
                found[alert.value['triggered_by']['sender']] += 1
    return {name: found[name] for name in names}


def test_a_stopped_group_is_moved_after_a_question(two: tuple[Browser, Browser]) -> None:
    """The teacher moves a stopped group to the beginning; before that there is a question."""
    one, _ = two
    sent = send_msg(TALK, {'sender': 'red', 'contents': 'x'}, block=True).get(timeout=5)
    tp = TopicPartition(TALK, sent.partition)
    with get_consumer(TALK, group_id='to-be-moved') as consumer:
        eventually(lambda: (consumer.poll(timeout_ms=50), tp in consumer.assignment())[1])
        consumer.seek(tp, sent.offset)
        consumer.commit()
    marker = f'.lane[data-partition="{tp.partition}"] .marker[data-group="to-be-moved"]'
    one.sees('(no member)', f'{marker} .marker-name')
    one.open_tab('Groups')
    one.sees('Move', '.reset')
    field = one.driver.find_element(By.CSS_SELECTOR, '.reset-group input')
    field.send_keys('to-be-moved')
    one.click('.reset')
    one.sees('Move the group to-be-moved to the beginning?', '.reset-question')
    one.click('.reset-no')
    one.click('.reset')
    eventually(lambda: one.js('return document.querySelector(".reset-yes")?.offsetWidth > 0'))
    one.click('.reset-yes')
    one.sees('to-be-moved goes on at: ', '.q-notification')
    one.sees('at 0', f'{marker} .marker-note')
