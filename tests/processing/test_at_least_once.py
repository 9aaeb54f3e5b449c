"""The loop beneath every service: where it starts, when it commits, how it ends."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kafka.errors import KafkaTimeoutError, RebalanceInProgressError

from broker import Broker
from client.consumer_loop import ChatConsumer
from errors import DeliveryError, UnreachableError
from processing.replay import read_back
from producer import close, flush, send_msg
from schemas import decode
from services import Rekey, Service, TrendingWords
from tests.support.groups import committed
from tests.support.logread import records

ROOT = Path(__file__).parents[2]
Say = Callable[..., None]
MakeTopic = Callable[..., str]


class Noting(Service):
    """Notes what it is given."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.noted: list[str] = []

    def on_message(self, record: Any) -> None:
        self.noted.append(record.value['contents'])


def test_a_durable_service_goes_on_where_it_stopped(topic: str, say: Say) -> None:
    """With a group nothing said meanwhile is missed and nothing is given twice.

    Without one a service starts now.
    """
    say('red', 'before')
    for group, expected in [('notes', ['before', 'one', 'two', 'three']), (None, ['two', 'three'])]:
        found = []
        for turn in ['one', 'two', 'three'] if group else ['two', 'three']:
            with Noting(topic, group_id=group, offset='earliest' if group else 'latest') as service:
                say('red', turn)
                service.run(timeout=0.3)
            found += service.noted
        assert found == expected


def test_a_timeout_ends_no_run_that_has_more_to_do(topic: str, say: Say) -> None:
    """What a service does before its first record may take longer than its timeout."""

    class Slow(Noting):
        def start_at(self, partitions: set[Any]) -> dict[Any, int]:
            time.sleep(0.6)
            return dict.fromkeys(partitions, 0)

    say('red', 'one')
    assert Slow(topic, group_id='slow').run(timeout=0.3) == 1


def test_offsets_are_committed_after_the_work(topic: str, say: Say) -> None:
    """A record whose work failed is not committed.

    The next run is given it again, and those after it.
    """

    class Careless(Noting):
        def on_message(self, record: Any) -> None:
            if record.value['contents'] == 'two' and 'two' not in seen:
                seen.append('two')
                raise ZeroDivisionError
            super().on_message(record)

    seen: list[str] = []
    for text in ['one', 'two', 'three']:
        say('red', text)
    service = Careless(topic, group_id='careless', offset='earliest')
    with pytest.raises(ZeroDivisionError):
        service.run(timeout=1.0)
    assert (service.noted, committed(topic, 'careless')) == (['one'], 1)
    assert service.run(timeout=1.0) == 2
    assert (service.noted, committed(topic, 'careless')) == (['one', 'two', 'three'], 3)


def test_what_was_not_acknowledged_is_not_committed(topic: str, say: Say) -> None:
    """If a message that a record led to does not reach Kafka, run says so.

    The record is done again.
    """
    from kafka.future import Future

    class Unlucky(Noting):
        def on_message(self, record: Any) -> None:
            super().on_message(record)
            if len(self.noted) == 1:
                self._promises.append(Future().failure(TimeoutError('nobody answered')))

    say('red', 'hello')
    service = Unlucky(topic, group_id='unlucky', offset='earliest')
    with pytest.raises(DeliveryError, match=r'1 of 1 messages were not acknowledged.*Run it again'):
        service.run(count=1)
    assert service.run(count=1, timeout=5.0) == 1
    assert service.noted == ['hello', 'hello']
    assert committed(topic, 'unlucky') == 1


class Failing(TrendingWords):
    """Cannot make its second batch durable, once."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._errors: list[Exception] = []
        self.calls: list[str] = []

    def start_at(self, partitions: set[Any]) -> dict[Any, int]:
        self.calls.append('start_at')
        return super().start_at(partitions)

    def forget(self) -> None:
        self.calls.append('forget')
        super().forget()

    def on_batch(self) -> None:
        if self._errors:
            raise self._errors.pop()


@pytest.mark.parametrize('group', [None, 'trends'])
@pytest.mark.parametrize('error', [KafkaTimeoutError('no answer'), ZeroDivisionError('mistake')])
def test_a_batch_that_is_done_again_counts_once(
    topic: str, say: Say, group: str | None, error: Exception
) -> None:
    """What could not be made durable is forgotten, and done again from the last commit on.

    What waiting can mend is tried again by the same run; a mistake ends it, and the next goes on.
    """
    with Failing(topic, group_id=group and f'{group}-{topic}', offset='earliest') as service:
        say('red', 'first words')
        service.run(count=1, timeout=5.0)
        service._errors.append(error)
        say('red', 'second words')
        if isinstance(error, ZeroDivisionError):
            with pytest.raises(ZeroDivisionError):
                service.run(timeout=1.0)
        service.run(timeout=1.0)
        assert sorted(service.top()) == [('first', 1), ('second', 1), ('words', 2)]
        assert service.calls == ['start_at', 'forget', 'start_at']


@pytest.mark.parametrize('times', [1, 4])
def test_an_answer_that_waiting_can_bring_is_waited_for(topic: str, say: Say, times: int) -> None:
    """Kafka is away for a moment while the service works: the record is done again, by itself."""

    class Waiting(Noting):
        left = times

        def on_message(self, record: Any) -> None:
            if self.left:
                self.left -= 1
                raise UnreachableError('nobody there')
            super().on_message(record)

    say('red', 'hello')
    service = Waiting(topic, group_id=topic, offset='earliest')
    assert service.run(count=1) == 1
    assert (service.noted, committed(topic, topic)) == (['hello'], 1)


def test_a_commit_that_fails_is_tried_again(
    topic: str, say: Say, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a further record, without doing the work again, and with one line about it."""
    commit, failures = ChatConsumer.commit, [RebalanceInProgressError() for _ in range(4)]

    def sometimes(self: Any, *args: Any, **options: Any) -> None:
        if failures:
            raise failures.pop()
        commit(self, *args, **options)

    monkeypatch.setattr(ChatConsumer, 'commit', sometimes)
    say('red', 'hello')
    service = Noting(topic, group_id=topic, offset='earliest')
    assert service.run(timeout=3.0) == 1
    assert (failures, service.noted, committed(topic, topic)) == ([], ['hello'], 1)
    lines = [record.getMessage() for record in caplog.records]
    assert sum('RebalanceInProgress' in line for line in lines) == 1


def test_what_cannot_be_read_stops_no_service(topic: str, say: Say) -> None:
    """A message that breaks the schema is passed by, and committed as done, wherever it stands."""
    for number in range(2):
        send_msg(topic, {'some': 'dict'}, block=True)
        assert Noting(topic, group_id='notes', offset='earliest').run(timeout=0.3) == number
        assert committed(topic, 'notes') == 2 * number + 1
        say('red', 'hello')
    assert Noting(topic, group_id='notes').run(timeout=0.3) == 1


def test_a_count_is_exact(topic: str, say: Say) -> None:
    """run(count=...) takes no record more; the next run goes on behind."""
    for number in range(5):
        say('red', str(number))
    with Noting(topic, offset='earliest') as service:
        assert service.run(count=2) == 2
        assert service.noted == ['0', '1']
        assert service.run(count=3) == 3
    assert service.noted == list('01234')


def test_stop_ends_a_service_after_the_record_it_is_at(topic: str, say: Say) -> None:
    """stop() from another thread, or from the work itself.

    What comes behind is left for the next run.
    """

    class Once(Noting):
        def on_message(self, record: Any) -> None:
            super().on_message(record)
            self.stop()

    for text in ['one', 'two']:
        say('red', text)
    with Once(topic, offset='earliest') as service:
        assert [service.run(), service.run()] == [1, 1]
        thread = threading.Thread(target=service.run, daemon=True)
        thread.start()
        service.stop()
        thread.join(10)
        assert not thread.is_alive()
    assert service.noted == ['one', 'two']


def test_ctrl_c_ends_a_service_and_keeps_what_was_done(topic: str, say: Say) -> None:
    """Ctrl-C in the middle of the work.

    The record is finished and committed, run returns, Ctrl-C is Python's own again.
    """

    class Pressed(Noting):
        def on_message(self, record: Any) -> None:
            os.kill(os.getpid(), signal.SIGINT)
            super().on_message(record)

    for text in ['one', 'two']:
        say('red', text)
    service = Pressed(topic, group_id='pressed', offset='earliest')
    assert service.run() == 1
    assert (service.noted, committed(topic, 'pressed')) == (['one'], 1)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_service_without_work_says_so(topic: str, say: Say) -> None:
    """A Service whose on_message is missing tells what to write."""
    say('red', 'hello')
    with pytest.raises(NotImplementedError, match=r'Give it a method on_message\(self, record\)'):
        Service(topic, offset='earliest').run(count=1)


def test_members_of_a_group_share_the_work(make_topic: MakeTopic) -> None:
    """Two members of one group are given every message, each once, and each some."""
    topic = make_topic(partitions=4)
    members = [Noting(topic, group_id='shared', offset='earliest') for _ in range(2)]
    threads = [threading.Thread(target=member.run, daemon=True) for member in members]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 30
    while (
        not all(member.partitions for member in members)
        or sum(len(member.partitions) for member in members) != 4
    ):
        assert time.monotonic() < deadline, [member.partitions for member in members]
        time.sleep(0.05)
    expected = [f'{number}' for number in range(40)]
    for number in expected:
        send_msg(topic, {'sender': f'sender {number}', 'contents': number}, block=True)
    while sum(len(member.noted) for member in members) < 40 and time.monotonic() < deadline:
        time.sleep(0.05)
    for member, thread in zip(members, threads, strict=True):
        member.stop()
        thread.join(10)
    assert sorted(members[0].noted + members[1].noted, key=int) == expected
    assert all(member.noted for member in members)


def test_the_past_ends(topic: str, say: Say) -> None:
    """read_back gives what is there now, and ends; of an empty topic, nothing."""
    assert list(read_back(topic)) == []
    for number in range(3):
        say('red', str(number))
    heard = []
    for each in read_back(topic):
        heard.append(each.value['contents'])
        say('red', 'meanwhile')
    assert heard == ['0', '1', '2']
    assert [each.value['contents'] for each in read_back(topic, offset=-1)] == ['meanwhile']


@pytest.mark.broker
def test_a_service_outlives_a_broker_that_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The broker is killed while a durable service works, and comes back.

    It goes on, and every copy is made, once.
    """
    with Broker() as own:
        monkeypatch.setenv('KAFKA_BOOTSTRAP_SERVERS', own.bootstrap_servers)
        service = Rekey('chat', 'copies', group_id='rekey')
        service.open()
        thread = threading.Thread(target=service.run, daemon=True)
        thread.start()
        for number in range(200):
            send_msg('chat', {'sender': str(number % 7), 'contents': str(number)})
            if number == 100:
                flush()
                own.kill()
                own.restart()
        flush(30.0)
        deadline = time.monotonic() + 40
        while len(records('copies')) < 200:
            assert time.monotonic() < deadline, len(records('copies'))
            assert thread.is_alive()
            time.sleep(0.1)
        service.stop()
        thread.join(20)
        service.close()
        assert sorted(int(decode(each.value)['contents']) for each in records('copies')) == list(
            range(200)
        )
        close()


def test_a_service_that_has_seen_nothing_yet_has_its_place(make_topic: MakeTopic, say: Say) -> None:
    """A new durable service fixes where it is, partition by partition.

    What is said while it is down is its too, what was before is not.
    """
    topic = make_topic(partitions=3)
    for number in range(9):
        send_msg(topic, {'sender': f'before {number}', 'contents': 'before'}, block=True)
    service = Noting(topic, group_id=f'{topic}-quiet')
    service.run(timeout=0.3)
    for number in range(9):
        send_msg(topic, {'sender': f'red {number}', 'contents': str(number)}, block=True)
    with Noting(topic, group_id=f'{topic}-quiet') as other:
        other.run(timeout=0.3)
    service.run(timeout=0.3)
    assert sorted(service.noted + other.noted) == [str(number) for number in range(9)]
