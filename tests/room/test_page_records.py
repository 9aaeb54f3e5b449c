"""Records in a real browser: opened from their alerts, one after the other, and read again."""

import time

import pytest
from selenium.webdriver.common.by import By

from producer import flush, send_msg
from room.replay import PAGE
from tests.support.rooms import ALERTS, TALK, Browser, eventually, say

pytestmark = [
    pytest.mark.browser,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.usefixtures('settings_here'),
]


def _field(browser: Browser, name: str, text: str) -> None:
    field = browser.driver.find_element(By.CSS_SELECTOR, f'.again-{name} input')
    browser.js('arguments[0].focus(); arguments[0].select()', field)
    field.send_keys(text or '\ue017')  # Delete


def test_an_alert_is_opened_and_the_message_that_caused_it(two: tuple[Browser, Browser]) -> None:
    """Many alerts are one row; it opens the latest in its own schema, and from there its cause."""
    one, _ = two
    say('just before', 'loudmouth', key='loudmouth')
    cause = say('the cause', 'loudmouth', key='loudmouth')
    alert = {
        'alert_type': 'too-loud',
        'alert_message': 'too loud',
        'triggered_by': {'sender': 'loudmouth', 'contents': 'the cause'},
    }
    header = f'{TALK}/{cause.partition}/{cause.offset}'.encode()
    for _ in range(3):
        sent = send_msg(ALERTS, alert, headers=[('triggered-by', header)], block=True).get()
    one.sees('loudmouth: too-loud, 3 times, last', '.alert')
    row = next(n for n, each in enumerate(one.texts('.alert')) if 'loudmouth' in each)
    one.click('.alert', row)
    one.sees(f'{ALERTS} · partition {sent.partition} · offset {sent.offset}', '.record-title')
    one.sees('too-loud: too loud\nabout: loudmouth said: the cause', '.field-read-as')
    one.sees('alert_type: "too-loud"', '.json')
    one.click('.cause')
    one.sees(f'{TALK} · partition {cause.partition} · offset {cause.offset}', '.record-title')
    one.sees('loudmouth said: the cause', '.field-read-as')
    one.sees(f'modulo 3 partitions is {cause.partition}', '.field-why-this-partition')
    one.sees(time.strftime('%Y-%m-%d'), '.field-time-here')
    one.click('.previous')
    one.sees('loudmouth said: just before', '.field-read-as')
    one.click('.next')
    one.sees('loudmouth said: the cause', '.field-read-as')
    one.click('.next')
    one.sees('holds offsets', '.field-not-found')
    one.click('.record-dialog .close')


def test_a_topic_is_read_again_beside_the_chat(two: tuple[Browser, Browser]) -> None:
    """All of it, page by page; meanwhile the chat goes on; and only what is looked for."""
    one, _ = two
    topic = 'read-again'
    for number in range(PAGE + 20):
        send_msg(topic, {'sender': 'filler', 'contents': f'page {number}'})
    needle = send_msg(
        topic, {'sender': 'hay', 'contents': 'a needle in the LOG'}, key='stack', block=True
    ).get(timeout=10)
    flush()
    one.open_tab('Read again')
    one.sees('Read', '.again')
    _field(one, 'topic', topic)
    one.click('.again')
    one.sees(f'messages 1 to {PAGE}; ', '.again-status')
    eventually(lambda: len(one.texts('.again-list .bubble')) == PAGE)
    say('meanwhile')
    one.sees('meanwhile', '.talk .bubble')
    eventually(lambda: one.js('return document.querySelector(".again-next").offsetWidth'))
    one.click('.again-next')
    whole = f'messages {PAGE + 1} to {PAGE + 21}; {PAGE + 21} of {PAGE + 21} places in the log'
    one.sees(f'{whole} looked at: complete.', '.again-status')
    assert len(one.texts('.again-list .bubble')) == 21
    one.picture('room-read-again.png')
    _field(one, 'text', 'needle in the log')
    one.click('.again')
    one.sees('found 1 to 1; ', '.again-status')
    assert one.texts('.again-list .bubble-place') == [
        f'partition {needle.partition} · offset {needle.offset}'
    ]
    one.click('.again-list .bubble')
    one.sees('hay said: a needle in the LOG', '.field-read-as')
    one.click('.record-dialog .close')
    eventually(lambda: not one.texts('.record-dialog'))
    _field(one, 'text', '')
    _field(one, 'key', 'no such key')
    one.click('.again')
    one.sees('nothing found; ', '.again-status')
    _field(one, 'key', '')
    one.open_tab('Groups')
