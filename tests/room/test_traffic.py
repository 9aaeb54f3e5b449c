"""What is sent to each visitor: what changed, and only to whom sees it."""

import contextlib
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from consumer import get_consumer
from producer import send_msg
from tests.support.room_packets import RawPage, raw_page
from tests.support.rooms import open_room  # noqa: F401
from tests.support.testkafka import Kafka
from tests.support.workers import within

# ruff: noqa: F811 - a fixture is imported, and named again by each test that uses it
pytestmark = pytest.mark.slow
VISITORS = 30
SECONDS = 6.0
A_SECOND = 5  # messages


def test_thirty_visitors_get_little_and_get_it_soon(
    open_room: Callable[..., Any],
    make_topic: Callable[..., str],
    kafka: Kafka,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At five messages a second each visitor gets less than 10 kB a second, compression apart.

    Whose page is in the background gets the chat only.
    """
    topic, alerts = make_topic(partitions=3), make_topic()
    port, _ = open_room('--topic', topic, '--alert-topic', alerts, **kafka.environment)
    got: dict[int, int] = {}
    delays: list[float] = []
    with contextlib.ExitStack() as stack:
        consumer = get_consumer(topic, group_id=f'{topic}-readers', offset='earliest')
        stack.callback(consumer.close)
        pages = [
            stack.enter_context(raw_page(port, source=f'127.0.0.{number + 10}'))
            for number in range(VISITORS + 1)
        ]
        pages[VISITORS].event('live-chat', False, kind='sight')

        def read(number: int, page: RawPage) -> None:
            page.read(3.0)
            began = time.time()
            for came, text in page.read(SECONDS):
                got[number] = got.get(number, 0) + len(text)
                sent = map(float, re.findall(r'text\\*":\\*"at ([\d.]+)', text))
                delays.extend(came - each for each in sent if each > began)

        threads = [threading.Thread(target=read, args=each) for each in enumerate(pages)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            send_msg(topic, {'sender': f'a{time.time() % 7:.0f}', 'contents': f'at {time.time()}'})
            consumer.poll(timeout_ms=0)
            consumer.commit()
            time.sleep(1 / A_SECOND)
    most = max(got[number] for number in range(VISITORS)) / SECONDS / 1000
    hidden = got[VISITORS] / SECONDS / 1000
    delays.sort()
    p50, p95 = (delays[int(len(delays) * part)] for part in (0.5, 0.95))
    with capsys.disabled():
        print(f'\n{most:.1f} kB/s, {hidden:.1f} in the background, {p50:.3f} s, {p95:.3f} s')
    assert 0.5 < most < 10
    assert hidden < most / 2
    assert p50 < within(0.5)
