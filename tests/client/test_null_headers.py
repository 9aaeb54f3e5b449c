"""A header whose value is null goes unchanged through everything that hands records on."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

import producer
from alerts import OffensiveContentAlertService
from client.null_headers import NullHeaders
from consumer import get_consumer
from deadletters import redrive
from producer import send_msg, send_raw
from schemas import HumanMessage
from services import Rekey
from tests.support.logread import records
from tests.support.plain import skip_without

MakeTopic = Callable[..., str]
ODD = [('trace', None), ('trace', b''), ('span', b'\x00'), ('empty', None)]


def headers(topic: str) -> list[Any]:
    """The headers of each record, but for those of dead letters and alerts."""
    ours = ('dead-letter-', 'triggered-by', 'rekeyed', 'because')
    return [
        [pair for pair in record.headers if not pair[0].startswith(ours)]
        for record in records(topic)
    ]


@pytest.mark.client
@pytest.mark.parametrize('key', ['red', None], ids=['key', 'no key'])
def test_null_headers_are_sent_as_they_are(topic: str, key: str | None) -> None:
    """Null is neither empty nor left out; what has no null, before and after, is as ever."""
    skip_without(NullHeaders)
    send_msg(topic, 1, key=key, headers=ODD[1:3])
    send_msg(topic, 2, key=key, headers=iter(ODD))
    send_msg(topic, 3, key=key, headers=tuple(ODD[1:3]))
    send_raw(topic, b'4', None, headers=ODD)
    producer.flush()
    assert headers(topic) == [ODD[1:3], ODD, ODD[1:3], ODD]


def test_null_headers_outlive_a_batch_that_is_split(make_topic: MakeTopic) -> None:
    """Where Kafka finds a batch too large, each record of it keeps its headers."""
    topic = make_topic(**{'max.message.bytes': '3000'})
    promises = [send_msg(topic, 'x' * 500, key='red', headers=ODD) for _ in range(20)]
    producer.flush()
    assert all(promise.succeeded() for promise in promises)
    assert headers(topic) == [ODD] * 20


def test_dead_letters_and_their_redrive_keep_null_headers(make_topic: MakeTopic) -> None:
    """Neither a loop nor a service, durable or not, ends at such a record."""
    skip_without(NullHeaders)
    topic, alert_topic = make_topic(), make_topic()
    dead = {name: make_topic() for name in ('loop', 'view', 'durable')}
    send_raw(topic, b'no json', b'red', headers=ODD)
    send_msg(topic, {'sender': 'red', 'contents': 'damn'}, headers=ODD, block=True)
    found = get_consumer(
        topic, offset='earliest', timeout=1, schema=HumanMessage, dead_letter_topic=dead['loop']
    )
    assert [record.headers for record in found] == [ODD]
    found.close()
    for name, group in (('view', None), ('durable', f'durable-{topic}')):
        service = OffensiveContentAlertService(
            topic, alert_topic, group_id=group, offset='earliest', dead_letter_topic=dead[name]
        )
        assert service.run(count=1) == 1
    for letters in dead.values():
        assert headers(letters) == [ODD]
    assert len(records(alert_topic)) == 2
    assert redrive(dead['loop'], to=topic, group_id=f'redrive-{topic}') == 1
    assert headers(topic) == [ODD] * 3


def test_rekey_keeps_null_headers(make_topic: MakeTopic) -> None:
    """A copy has its original's headers."""
    skip_without(NullHeaders)
    topic, copies = make_topic(), make_topic()
    send_msg(topic, {'sender': 'red', 'contents': 'hello'}, headers=ODD, block=True)
    assert Rekey(topic, copies).run(timeout=1) == 1
    assert headers(copies) == [ODD]


def test_where_nulls_cannot_be_sent_they_are_empty_and_that_is_said(
    topic: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """On the plain client the message is sent all the same; one line tells it."""
    monkeypatch.setenv('WORKSHOP_PLAIN_CLIENT', '1')
    with caplog.at_level(logging.WARNING):
        for number in range(2):
            send_msg(topic, number, headers=ODD, block=True)
    assert headers(topic) == [[(name, value or b'') for name, value in ODD]] * 2
    assert len([record for record in caplog.records if 'null' in record.getMessage()]) == 1
