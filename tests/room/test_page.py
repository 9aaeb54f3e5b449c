"""The room in a real browser, against a real Kafka.

``ROOM_PICTURES=docs python -m pytest tests/room`` keeps the screenshots: ``docs/room.png`` is the
README's.
"""

import contextlib
import re
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from kafka import TopicPartition

from broker import Broker
from consumer import get_consumer
from producer import flush, get_producer, send_msg
from tests.support.brokers import ROOT
from tests.support.rooms import ALERTS, TALK, Browser, eventually
from tests.support.workers import within

pytestmark = [
    pytest.mark.browser,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.usefixtures('settings_here'),
]
PROMPT = """
from consumer import get_consumer
from producer import send_msg
c = get_consumer("human-messages")
print("ready")
print(next(c).value["contents"])
send_msg("human-messages", {"sender": "prompt", "contents": "I am here too"}, block=True)
"""


def test_two_browsers_and_a_prompt_talk_to_each_other(two: tuple[Browser, Browser]) -> None:
    """Whatever one of two browsers and a Python prompt sends, the others see."""
    one, other = two
    prompt = subprocess.Popen(
        [sys.executable, '-u', '-W', 'ignore', '-i'],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert prompt.stdin
        assert prompt.stdout
        prompt.stdin.write(PROMPT)
        prompt.stdin.flush()
        assert prompt.stdout.readline() == 'ready\n'
        one.say('is anybody here?')
        assert prompt.stdout.readline() == 'is anybody here?\n'
        for browser in two:
            browser.sees('is anybody here?')
            browser.sees('I am here too')
        other.say('so am I')
        one.sees('so am I')
    finally:
        prompt.kill()
        prompt.communicate()


def test_markup_stays_text(two: tuple[Browser, Browser]) -> None:
    """HTML, scripts and escapes in messages, keys and headers are shown as text, and never run."""
    one, _ = two
    one.say('<b>bold</b>')
    one.sees('<b>bold</b>')
    nasty = (
        '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>{{1+1}}\x1b[31m\u202e'
    )
    sent = send_msg(
        TALK,
        {'sender': f'eve{nasty}'[:70], 'contents': nasty},
        key=nasty,
        headers=[(nasty, nasty.encode())],
        block=True,
    )
    send_msg(
        ALERTS,
        {
            'alert_type': nasty,
            'alert_message': nasty,
            'triggered_by': {'sender': nasty, 'contents': nasty},
        },
        block=True,
    )
    shown = '<script>window.pwned=1</script>{{1+1}}\\x1b[31m\\u202e'
    one.sees(shown)
    one.sees(shown, '.alert')
    one.open_tab('Topics')
    one.sees('<img src=x', '.topics')
    one.open_tab('Groups')
    metadata = sent.get(timeout=5)
    bubbles = '[...document.querySelectorAll(".bubble")]'
    one.js(f'{bubbles}.find(each => each.textContent.includes(arguments[0])).click()', '{{1+1}}')
    one.sees(str(metadata.offset), '.field-offset')
    one.sees('<img src=x', '.field-headers')
    assert one.js('return window.pwned === undefined')
    assert one.js(
        'return !document.querySelector("img[src=x], .bubble-text b, .chat-frame script")'
    )
    one.click('.record-dialog .close')


def test_one_message_is_inspected(two: tuple[Browser, Browser]) -> None:
    """A click shows a record's position and bytes, and, if it cannot be read, why."""
    one, _ = two
    sent = get_producer().send(TALK, b'\xff{"half', b'key-7', [('trace', b'42')]).get(timeout=10)
    one.sees('malformed')
    one.js('[...document.querySelectorAll(".bubble.malformed")].at(-1).click()')
    one.sees('ff 7b 22 68 61 6c 66', '.field-bytes')
    found = {
        name: one.texts(f'.field-{name}')[0]
        for name in ('topic', 'partition', 'offset', 'key', 'headers', 'read-as')
    }
    assert found['topic'] == TALK
    assert (found['partition'], found['offset']) == (str(sent.partition), str(sent.offset))
    assert found['key'] == "b'key-7'"
    assert found['headers'] == "trace: b'42'"
    assert found['read-as'].startswith('not a HumanMessage: ')
    one.click('.record-dialog .close')


def test_the_last_messages_are_there_on_opening(
    two: tuple[Browser, Browser],
) -> None:
    """Who comes late sees the last 200 messages; the newest of a burst is always drawn."""
    _, other = two
    for number in range(450):
        send_msg(TALK, {'sender': f's{number % 5}', 'contents': f'message {number} of many'})
    flush()
    other.sees('message 449 of many')
    other.driver.refresh()
    other.sees('message 449 of many')
    assert len(other.texts('.bubble')) == 200
    assert not any('is anybody here?' in each for each in other.texts('.bubble'))


def test_who_is_too_quick_is_told(two: tuple[Browser, Browser]) -> None:
    """Who sends more than five messages in five seconds is told so, and what was typed stays."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    one, other = two
    typed = [key for number in range(8) for key in (f'quick {number}', Keys.ENTER)]
    one.driver.find_element(By.CSS_SELECTOR, '.text textarea').send_keys(*typed)  # in one breath
    one.sees('Too fast', '.q-notification')
    field = 'document.querySelector(".text textarea")'
    eventually(lambda: 'quick' in one.js(f'return {field}.value'))
    one.js(f'{field}.value = ""; {field}.dispatchEvent(new Event("input"))')
    assert sum('quick' in each for each in other.texts('.bubble')) <= 5


def test_a_rebalance_is_seen_within_two_seconds(two: tuple[Browser, Browser]) -> None:
    """When a second member joins a group, and when it leaves, the page shows who reads what now."""
    one, _ = two
    one.open_tab('Groups')
    ending = threading.Event()

    def read(consumer: Any) -> None:
        while not ending.is_set():
            consumer.poll(timeout_ms=100)

    with contextlib.closing(get_consumer(TALK, group_id='readers')) as first:
        thread = threading.Thread(target=read, args=(first,))
        thread.start()
        try:
            one.sees('readers', '.groups')
            with contextlib.closing(get_consumer(TALK, group_id='readers')) as second:
                eventually(lambda: (second.poll(timeout_ms=50), second.assignment())[1])
                began = time.monotonic()
                eventually(lambda: _latest_rebalance(one).count(' reads ') == 2)
                assert time.monotonic() - began < within(2.0)
                assert (
                    len({each for each in one.texts('.groups td:nth-child(3)') if '#' in each}) == 2
                )
            eventually(
                lambda: 'readers' in (last := _latest_rebalance(one)) and last.count(' reads ') == 1
            )
        finally:
            ending.set()
            thread.join()


def _latest_rebalance(browser: Browser) -> str:
    return browser.texts('.rebalances')[0].split('\n')[0].partition(' (before')[0]


def test_a_phone_is_wide_enough(two: tuple[Browser, Browser]) -> None:
    """On a narrow screen nothing sticks out, and one can talk."""
    _, phone = two
    small = {'width': 390, 'height': 844, 'deviceScaleFactor': 1, 'mobile': True}
    phone.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', small)
    try:
        phone.driver.refresh()
        eventually(lambda: phone.js('return document.querySelector(".name input")?.value'))
        phone.say('hello from the train')
        phone.sees('hello from the train')
        assert phone.js('return document.documentElement.scrollWidth') <= 390
        assert (
            0
            < phone.js('return document.querySelector(".send").getBoundingClientRect().bottom')
            <= 844
        )
        phone.picture('room-phone.png')
    finally:
        phone.driver.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})


def test_two_thousand_messages_a_second_are_counted_and_a_sample_is_drawn(
    two: tuple[Browser, Browser],
) -> None:
    """Under load all are counted, the newest bubble is seldom 2 s old, the page is bounded."""
    one, _ = two
    eventually(lambda: _counted(one) == _sent())  # what was sent before is counted too
    began, lateness = time.monotonic(), []
    for number in range(10_000):
        send_msg(
            TALK, {'sender': f'crowd {number % 20}', 'contents': f'{time.time():.3f} {number}'}
        )
        if number % 100 == 99:
            time.sleep(max(0.0, began + (number + 1) / 2000 - time.monotonic()))
        if number % 1000 == 999 and number > 2000:
            shown = one.texts('.bubble .bubble-text')
            lateness.append(time.time() - float(re.match(r'\d+\.\d+', shown[-1])[0]))  # type: ignore[index]
    flush()
    eventually(lambda: _counted(one) == _sent())
    assert sorted(lateness)[len(lateness) // 2] < within(2.0), lateness
    assert len(one.texts('.bubble')) <= 200
    assert 'counted and not drawn' in one.texts('.sampling')[0]
    # Several are of one millisecond, so it need not be the very last.
    eventually(lambda: any(t.endswith(' 9999') for t in one.texts('.bubble .bubble-text')[-9:]))


def _sent() -> int:
    with contextlib.closing(get_consumer(TALK)) as consumer:
        return sum(
            consumer.end_offsets([TopicPartition(TALK, number) for number in range(3)]).values()
        )


def _counted(browser: Browser) -> int:
    return int(browser.texts('.counts')[0].split()[0].replace(',', ''))


def test_a_broker_restart_is_survived(two: tuple[Browser, Browser], kafka_here: Broker) -> None:
    """While Kafka is away the page says so, and keeps what is typed; then it goes on by itself."""
    one, other = two
    kafka_here.kill(1)
    one.sees('disconnected', '.state')
    one.sees('Reconnecting', '.outage')
    one.say('into the void')
    one.sees('Not sent', '.q-notification')
    assert one.js('return document.querySelector(".text textarea").value') == 'into the void'
    kafka_here.restart(1)
    one.sees('live', '.state')
    eventually(lambda: 'live' in other.texts('.state')[0])
    one.say(' and back')
    other.sees('into the void and back')
    one.sees('into the void and back')
