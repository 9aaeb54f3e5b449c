"""The picture of the log in a real browser: what is drawn is what a real Kafka holds."""

import contextlib
import time
from typing import Any

import kafka
import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient

import settings
from consumer import get_consumer
from producer import flush, get_producer, send_msg
from room.colours import colour_of
from tests.support.rooms import ALERTS, TALK, Browser, eventually, say

pytestmark = [
    pytest.mark.browser,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.usefixtures('settings_here'),
]


def _cell(partition: int, offset: int) -> str:
    return f'.cell[data-partition="{partition}"][data-offset="{offset}"]'


def _marker(partition: int, group: str) -> str:
    return f'.lane[data-partition="{partition}"] .marker[data-group="{group}"]'


def _quiet(browser: Browser) -> None:
    """Wait until no lane shows counts any more: what other tests have sent is over."""
    eventually(lambda: browser.js('return !document.querySelector(".lane.band")'))


def test_each_record_is_a_cell_at_its_offset(two: tuple[Browser, Browser]) -> None:
    """A record is a cell in its partition's lane, newest on the right; a click opens it."""
    one, _ = two
    sent = [say(f'cell {number}', 'anna') for number in range(3)]
    _quiet(one)
    for number, each in enumerate(sent):
        one.sees(str(each.offset), f'{_cell(each.partition, each.offset)} .cell-offset')
        title = one.js(
            'return document.querySelector(arguments[0]).title',
            _cell(each.partition, each.offset),
        )
        assert f'anna: cell {number}' in title
    lefts = [
        one.js(
            'return document.querySelector(arguments[0]).getBoundingClientRect().left',
            _cell(each.partition, each.offset),
        )
        for each in sent
    ]
    assert lefts == sorted(set(lefts))
    colour = one.js(
        'return document.querySelector(arguments[0]).style.background',
        f'{_cell(sent[0].partition, sent[0].offset)} .cell-box',
    )
    red, green, blue = (int(colour_of('anna')[i : i + 2], 16) for i in (1, 3, 5))
    assert colour == f'rgb({red}, {green}, {blue})'
    one.click(_cell(sent[1].partition, sent[1].offset))
    one.sees(str(sent[1].offset), '.field-offset')
    one.sees('cell 1', '.field-read-as')
    one.click('.record-dialog .close')


def test_markers_move_and_change_owner(two: tuple[Browser, Browser]) -> None:
    """A group's marker stands at its committed offset, says the lag, and who reads here now."""
    one, _ = two
    number = say('for the group').partition
    group, tp = 'watchers', TopicPartition(TALK, number)
    with contextlib.ExitStack() as stack:

        def join(name: str) -> Any:
            member = get_consumer(TALK, group_id=group, client_id=name, offset='earliest')
            stack.callback(member.close)
            return member

        first = join('watch-1')
        eventually(lambda: (first.poll(timeout_ms=50), tp in first.assignment())[1])
        end = first.end_offsets([tp])[tp]
        first.seek(tp, end - 1)
        first.commit()
        one.sees('watch-1 · watchers', f'{_marker(number, group)} .marker-name')
        one.sees('lag 1', f'{_marker(number, group)} .marker-lag')
        width = 'return document.querySelector(arguments[0]).style.width'
        eventually(lambda: one.js(width, f'{_marker(number, group)} .marker-line') == '46px')
        others = [join(f'watch-{each}') for each in (2, 3)]

        shares = [f'watch-{each} · watchers' for each in (1, 2, 3)]

        def all_are_seen() -> bool:
            for member in (first, *others):
                member.poll(timeout_ms=50)
            return sorted(one.texts(f'.marker[data-group="{group}"] .marker-name')) == shares

        eventually(all_are_seen)
        assert one.js('return document.querySelectorAll(".marker.moved").length') >= 1
        others[0].close()
        others[1].close()
    one.sees('watchers (no member)', f'{_marker(number, group)} .marker-name')


def test_the_end_of_a_transaction_is_a_cell_of_its_own(two: tuple[Browser, Browser]) -> None:
    """Whoever has read all but a transaction's marker is said to have nothing to read."""
    one, _ = two
    with contextlib.closing(
        kafka.KafkaProducer(**settings.client_options('producer', transactional_id='both'))
    ) as producer:
        producer.init_transactions()
        producer.begin_transaction()
        value = b'{"sender": "red", "contents": "both or neither"}'
        sent = producer.send(TALK, value, partition=0)
        producer.commit_transaction()
    offset = sent.get(timeout=10).offset
    _quiet(one)
    one.sees(str(offset + 1), f'.gap{_cell(0, offset + 1)}')
    tp = TopicPartition(TALK, 0)
    with contextlib.closing(get_consumer(TALK, group_id='after-all')) as consumer:
        eventually(lambda: (consumer.poll(timeout_ms=50), consumer.assignment())[1])
        consumer.seek(tp, offset + 1)
        consumer.commit()
    one.sees("only a transaction's marker is left", f'{_marker(0, "after-all")} .marker-note')


def test_too_many_for_cells_are_bars_with_counts(two: tuple[Browser, Browser]) -> None:
    """At a high rate a lane shows counts by the second; afterwards the last records as cells."""
    one, _ = two
    producer, ended = get_producer(), time.monotonic() + 6
    number = 0
    while time.monotonic() < ended and not one.js(
        'return document.querySelector(".lane[data-partition=\\"1\\"] .bar-count")'
    ):
        for _ in range(10):
            value = b'{"sender": "crowd", "contents": "%d"}' % number
            last = producer.send(TALK, value, partition=1)
            number += 1
        time.sleep(0.1)
    flush()
    one.sees('', '.lane[data-partition="1"] .bar-count')
    one.sees('each bar is a second', '.lane-summary')
    _quiet(one)
    one.sees('', _cell(1, last.get(timeout=10).offset))
    for number in range(60):  # all at once: cells first, then bars, then cells again
        value = b'{"sender": "crowd", "contents": "burst %d"}' % number
        last = producer.send(TALK, value, partition=2)
    one.sees('', '.lane.band[data-partition="2"]')
    _quiet(one)
    one.sees('', _cell(2, last.get(timeout=10).offset))


def test_a_key_goes_where_it_was_said_to(two: tuple[Browser, Browser]) -> None:
    """A key that is typed is told its partition, and there it goes; the lane stands out."""
    one, _ = two
    from selenium.webdriver.common.by import By

    field = one.driver.find_element(By.CSS_SELECTOR, '.key input')
    for key in ('grün', 'red'):
        number = say('by key', key=key).partition
        field.clear()
        field.send_keys(key)
        one.sees(f'modulo 3 partitions: partition {number}', '.key-result')
        one.sees('', f'.lane.chosen[data-partition="{number}"]')
    one.js('document.querySelector(".key input").dispatchEvent(new Event("blur"))')


def test_the_alerts_have_lanes_too(two: tuple[Browser, Browser]) -> None:
    """The picture shows the topic of alerts as well."""
    one, _ = two
    by = {'sender': 'red', 'contents': 'x'}
    alert = {'alert_type': 'loud', 'alert_message': 'too loud', 'triggered_by': by}
    sent = send_msg(ALERTS, alert, block=True).get(timeout=5)
    one.click('.lane-topic button', 1)
    one.sees('', f'{_cell(sent.partition, sent.offset)}[title*="too loud"]')
    one.click('.lane-topic button', 0)
    eventually(lambda: not one.texts('.cell[title*="too loud"]'))


def test_many_topics_are_folded(two: tuple[Browser, Browser]) -> None:
    """Twenty rows are shown, the room's own topics first; more on demand; those one looks for."""
    from selenium.webdriver.common.by import By

    one, _ = two
    with contextlib.closing(KafkaAdminClient(**settings.client_options('admin'))) as admin:
        admin.create_topics({f'many-{number:02}': {'num_partitions': 1} for number in range(25)})
    say('here')
    one.open_tab('Topics')
    one.sees('more partitions', '.more-topics')
    rows = '.topics tbody tr'
    eventually(lambda: len(one.texts(rows)) == 20)
    assert one.texts(rows)[0].startswith((ALERTS, TALK))
    one.click('.more-topics')
    one.sees('many-24', rows)
    one.driver.find_element(By.CSS_SELECTOR, '.topic-filter input').send_keys('MANY-07')
    eventually(lambda: [each[:7] for each in one.texts(rows)] == ['many-07'])
    one.open_tab('Groups')
