"""What was sent for which record, read back from the log."""

from contextlib import closing

import kafka
import pytest
from kafka import TopicPartition

from processing.replay import Causes
from producer import send_msg
from settings import client_options
from tests.support.brokers import eventually


def sent_for(topic: str, *offsets: int) -> None:
    """Send something for each of these records."""
    for offset in offsets:
        send_msg(topic, 1, headers=[('because', f'room/0/{offset}'.encode())], block=True)


def test_reading_back_goes_on_where_it_ended(topic: str, caplog: pytest.LogCaptureFixture) -> None:
    """From an offset on, then what is new, and from its beginning where that is asked for.

    What retention takes meanwhile is not missed; a partition that is added is read, too.
    """
    known = Causes(topic)
    sent_for(topic, 1, 2, 3)
    known.catch_up(since=2)
    assert set(known) == {'room/0/3'}
    sent_for(topic, 4)
    known.catch_up(since=3)
    assert set(known) == {'room/0/3', 'room/0/4'}
    known.catch_up()
    assert set(known) == {f'room/0/{number}' for number in (1, 2, 3, 4)}
    sent_for(topic, 5, 6)
    with closing(kafka.KafkaAdminClient(**client_options('admin'))) as admin:
        admin.create_partitions({topic: 2})
        admin.delete_records({TopicPartition(topic, 0): 5})
    producer = kafka.KafkaProducer(**client_options('producer'))
    with closing(producer):
        eventually(lambda: 1 in producer.partitions_for(topic))
        headers = [('because', b'room/0/7')]
        producer.send(topic, b'1', partition=1, headers=headers).get(10)
    known.catch_up()
    assert set(known) == {f'room/0/{number}' for number in (1, 2, 3, 4, 6, 7)}
    assert 'no longer kept' not in caplog.text
