"""The chat in a real browser: own messages come at once, and it holds still while one reads."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from producer import flush, get_producer, send_msg
from tests.support.rooms import TALK, Browser, eventually, say
from tests.support.workers import within

pytestmark = [
    pytest.mark.browser,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.usefixtures('settings_here'),
]
POINTER = """
    const frame = document.querySelector('.talk .chat-scroll');
    frame.dispatchEvent(new PointerEvent(arguments[0], {pointerType: 'mouse'}));
"""


@contextmanager
def _crowd(rate: int) -> Iterator[None]:
    """Many who talk at once."""
    ending = threading.Event()

    def talk() -> None:
        producer, number, began = get_producer(), 0, time.monotonic()
        while not ending.is_set():
            for _ in range(rate // 20):
                sender = number % 20
                producer.send(TALK, b'{"sender": "crowd %d", "contents": "%d"}' % (sender, number))
                number += 1
            time.sleep(max(0.0, began + number / rate - time.monotonic()))

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()
        flush()


def _type(browser: Browser, *keys: str) -> None:
    from selenium.webdriver.common.by import By

    browser.driver.find_element(By.CSS_SELECTOR, '.text textarea').send_keys(*keys)


def test_own_messages_come_at_once_whatever_the_rate(two: tuple[Browser, Browser]) -> None:
    """Amid 2,000 messages a second each own message is drawn, with its place, soon."""
    one, _ = two
    one.js(
        'window.seen = []; window.addEventListener("room-settle", each => seen.push(Date.now()))'
    )
    delays: list[float] = []
    with _crowd(2000):
        one.sees('are too many to read: a sample is drawn, and your own always', '.sampling')
        for number in range(4):
            began = time.time()
            one.say(f'mine {number}')
            one.sees(f'mine {number}', '.bubble.own', 2.0)
            one.sees(f'mine {number}', '.bubble.own:not(.pending)')
            delays.append(one.js('return seen.at(-1)') / 1000 - began)
    assert sorted(delays)[1] < within(1.0), delays
    places = one.texts('.bubble.own:not(.pending) .bubble-place')[-4:]
    assert all(' · offset ' in each for each in places)


@pytest.mark.torture
@pytest.mark.timeout(180)
def test_a_minute_at_two_thousand_a_second(
    two: tuple[Browser, Browser], room_process: tuple[int, str]
) -> None:
    """For 60 s: own messages are acknowledged within 300 ms at the median, 1 s at worst.

    The room's memory stays what it was. (The figures are in docs/room.md.)
    """
    one, _ = two
    one.js(
        'window.times = []; window.said = 0; let began;'
        'window.addEventListener("room-say", () => { began = performance.now(); });'
        'window.addEventListener("room-settle", () => times.push(performance.now() - began));'
    )
    ended = time.monotonic() + 60
    with _crowd(2000):
        while time.monotonic() < ended:
            one.say(f'mine at {time.time()}')
            eventually(lambda: one.js('return times.length > said && ++said'))
            threading.Event().wait(1.5)
        one.picture('room-busy.png')
        status = Path(f'/proc/{room_process[0]}/status').read_text()
    took = sorted(one.js('return times'))
    memory = int(re.search(r'VmRSS:\s+(\d+)', status)[1]) / 1000  # type: ignore[index]
    rate = one.texts('.counts')
    median, worst = took[len(took) // 2], took[-1]
    print(f'{len(took)} own: {median:.0f} ms, at worst {worst:.0f} ms; {memory:.0f} MB; {rate}')
    assert median < 300
    assert worst < 1000
    assert memory < 200


def test_it_holds_still_while_one_reads(two: tuple[Browser, Browser]) -> None:
    """Under the mouse, scrolled up, or with a bubble in focus nothing moves; new ones are counted.

    A button tells how many wait, and shows them.
    """
    _, other = two
    say('before')
    other.sees('before')
    other.js(POINTER, 'pointerenter')
    for number in range(3):
        say(f'while reading {number}')
    other.sees('3 new', '.more-messages')
    assert not any('while reading' in each for each in other.texts('.talk .bubble'))
    other.js(POINTER, 'pointerleave')
    other.sees('while reading 2')
    other.js('[...document.querySelectorAll(".talk .bubble")].at(-1).focus()')
    say('while one is in focus')
    other.sees('1 new', '.more-messages')
    other.click('.more-messages')
    other.sees('while one is in focus')
    scroller = 'document.querySelector(".talk .chat-scroll")'
    for number in range(30):
        send_msg(TALK, {'sender': 'red', 'contents': f'fill {number}'})
    other.sees('fill 29')
    other.js(f'{scroller}.scrollTop = -200')
    eventually(lambda: other.js(f'return {scroller}.scrollTop') < -100)
    say('while scrolled up')
    other.sees('1 new', '.more-messages')
    other.js(f'{scroller}.scrollTop = 0')
    other.sees('while scrolled up')


def test_a_click_opens_the_record_under_the_pointer(two: tuple[Browser, Browser]) -> None:
    """However busy the chat is, the record that is opened is the one that was clicked on."""
    from selenium.webdriver.common.action_chains import ActionChains

    one, _ = two
    with _crowd(100):
        for _ in range(3):
            bubble = one.js('return [...document.querySelectorAll(".talk .bubble")].at(-3)')
            mouse = ActionChains(one.driver).move_to_element(bubble).click_and_hold()
            mouse.perform()
            under = one.js('return [...document.querySelectorAll(".bubble:hover")].at(-1).dataset')
            ActionChains(one.driver).release().perform()
            one.sees(under['offset'], '.field-offset')
            assert one.texts('.field-partition') == [under['partition']]
            one.click('.record-dialog .close')
            eventually(lambda: not one.texts('.record-dialog .field-offset'))
            ActionChains(one.driver).move_by_offset(0, 0).reset_actions()
            one.js(POINTER, 'pointerleave')


def test_what_is_typed_survives_a_reload(two: tuple[Browser, Browser]) -> None:
    """The name, the draft and what is one's own are there when the page is opened again."""
    _, other = two
    other.say('mine for ever')
    other.sees('mine for ever', '.bubble.own:not(.pending)')
    _type(other, 'half a sent')
    name = other.js('return document.querySelector(".name input").value')
    other.driver.refresh()
    other.sees('mine for ever', '.bubble.own')
    fields = '[...document.querySelectorAll(".composer input, .composer textarea")]'
    assert other.js(f'return {fields}.map(each => each.value)') == [name, 'half a sent']
    _type(other, 'ence', '\ue007')
    other.sees('half a sentence', '.bubble.own')


def test_the_field_is_empty_at_once_and_lines_stay_lines(two: tuple[Browser, Browser]) -> None:
    """What is typed after Enter is the next message; Shift and Enter make a line break."""
    from selenium.webdriver.common.keys import Keys

    one, other = two
    _type(one, 'first', Keys.ENTER, 'second', Keys.ENTER)
    for text in ('first', 'second'):
        one.sees(text, '.bubble.own .bubble-text')
    _type(one, 'one line', Keys.SHIFT + Keys.ENTER + Keys.NULL, 'and another', Keys.ENTER)
    for browser in (one, other):
        browser.sees('one line\nand another', '.bubble-text')
    style = 'return getComputedStyle(document.querySelector(".bubble-text")).whiteSpace'
    assert one.js(style) == 'pre-wrap'
    say('x' * 3000)
    other.sees('[cut here: 3,000 characters in all]')
