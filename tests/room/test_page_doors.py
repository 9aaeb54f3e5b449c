"""What a visitor sees and what the teacher sees, in real browsers on a real Kafka."""

import contextlib
import secrets
from functools import partial

import pytest

from broker import Broker
from consumer import get_consumer
from producer import send_msg
from tests.support.rooms import Browser, eventually

pytestmark = [
    pytest.mark.browser,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.usefixtures('settings_here'),
]
TYPE = """
    const field = document.querySelector(arguments[0]);
    field.value = arguments[1];
    field.dispatchEvent(new Event("input"));
    field.dispatchEvent(new Event("change"));
"""


def _look_at(browser: Browser, topic: str) -> str:
    """Inspect a topic's first record by its name, and read it again: what the page answers."""
    browser.open_tab('Topics')
    browser.sees('Inspect', '.inspect')
    browser.js(TYPE, '.inspect-topic input', topic)
    browser.click('.inspect')
    browser.sees(topic, '.record-title')
    browser.sees('', '.record-content .fact')
    inspected = ' '.join(browser.texts('.record-content'))
    browser.click('.record-dialog .close')
    browser.open_tab('Read again')
    browser.sees('Read', '.again')
    browser.js(TYPE, '.again-topic input', topic)
    browser.click('.again')
    eventually(
        lambda: (
            'complete' in browser.texts('.again-status')[0]
            or any('This page shows' in each for each in browser.texts('.q-notification'))
        )
    )
    return inspected + ' '.join(browser.texts('.again-list'))


def test_a_visitor_sees_the_rooms_own_topics_only(two: tuple[Browser, Browser]) -> None:
    """Another topic, its records and its groups are the teacher's: no other page is sent them."""
    teacher, visitor = two
    topic = f'exam-{secrets.token_hex(4)}'
    word = secrets.token_hex(8)
    for _ in range(3):  # a partition each, or nearly: the first record is in one of them
        send_msg(topic, {'sender': 'ann', 'contents': word}, key='k', block=True)
    sent = send_msg(topic, {'sender': 'ann', 'contents': word}, key='k', block=True)
    with contextlib.closing(
        get_consumer(topic, group_id=f'{topic}-readers', offset='earliest')
    ) as consumer:
        next(consumer)
        consumer.commit()
        for browser in two:
            browser.open_tab('Groups')
        teacher.sees(f'{topic}-readers', '.groups')
        assert not [each for each in visitor.texts('.groups') if topic in each]
        assert not [each for each in visitor.texts('.rebalances') if topic in each]
        for browser in two:
            browser.open_tab('Topics')
            browser.js(TYPE, '.topic-filter input', '')
            browser.sees('human-messages', '.topics')
        teacher.js(TYPE, '.topic-filter input', topic)
        teacher.sees(topic, '.topics')
        assert not [each for each in visitor.texts('.topics') if topic in each]
    teacher.js(TYPE, '.topic-filter input', '')
    assert sent.get(timeout=5).offset == 3
    for browser in two:
        browser.open_tab('Topics')
        browser.sees('Inspect', '.inspect')
        browser.js(TYPE, '.inspect-partition input', str(sent.get(timeout=5).partition))
    assert word in _look_at(teacher, topic)
    seen = _look_at(visitor, topic)
    assert word not in seen
    assert 'This page shows records of human-messages and alerts only' in seen


def test_the_teacher_mutes_a_visitor_and_puts_one_out(
    two: tuple[Browser, Browser], address: str
) -> None:
    """Who is muted cannot send; who was put out cannot come in, until the teacher lets them."""
    teacher, visitor = two
    assert 'Visitors' not in ' '.join(visitor.texts('.q-tab'))
    name = visitor.js('return document.querySelector(".name input").value')
    visitor.say('here I am')
    teacher.sees('here I am')
    teacher.open_tab('Visitors')
    teacher.sees(name, '.visitor-name')
    teacher.click('.mute')
    teacher.sees('Unmute', '.unmute')
    visitor.say('can you hear me?')
    visitor.sees('the teacher has muted you', '.q-notification')
    assert not any('can you hear me?' in each for each in teacher.texts('.bubble'))
    teacher.click('.unmute')
    teacher.sees('Mute', '.mute')
    visitor.say(' again')
    teacher.sees('can you hear me? again')
    teacher.click('.put-out')
    eventually(lambda: 'put you out' in visitor.js('return document.body.textContent'))
    visitor.driver.get(address)
    assert 'put you out' in visitor.js('return document.body.textContent')
    teacher.sees('Let in', '.let-in')
    teacher.click('.let-in')
    eventually(lambda: not teacher.texts('.let-in'))
    visitor.open(address)
    visitor.say('back again')
    teacher.sees('back again')


def _is_new(browser: Browser) -> bool:
    return 'old' not in browser.texts('.counts')[0]


def test_without_kafka_numbers_are_said_to_be_old(
    two: tuple[Browser, Browser], kafka_here: Broker
) -> None:
    """While Kafka is away the page says of when its numbers are; only the teacher reads why."""
    kafka_here.kill(1)
    try:
        for browser in two:
            browser.sees('What is shown is of', '.outage')
            browser.sees('old', '.counts')
        teacher, visitor = two
        port = kafka_here.bootstrap_servers.rpartition(':')[2]
        teacher.sees(port, '.outage')
        for text in (port, 'KAFKA_'):
            assert text not in visitor.js('return document.body.textContent')
        visitor.say('into the void')
        visitor.sees('Not sent', '.q-notification')
        for text in (port, 'KAFKA_'):
            assert text not in visitor.js('return document.body.textContent')
    finally:
        kafka_here.restart(1)
    for browser in two:
        browser.sees('live', '.state')
        eventually(partial(_is_new, browser))
    visitor.js(TYPE, '.text textarea', '')
