"""Things that watch: services that read one topic and write to another (walkthrough steps 6 and 7).

Without a group a service is a view that starts now. With ``group_id`` it is durable: it resumes
where it stopped, several instances share the partitions, and each alert is written exactly once.
Write your own by overriding ``process_message``.

The one idea to take away: services do not call each other. They read what happened, and add what
they think of it.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import time
from collections.abc import Callable, Iterable
from typing import Any

from client.consumer_loop import ChatConsumer
from client.send_errors import check_topic
from errors import MessageError
from processing.exactly_once import ExactlyOnceLoop
from processing.rehearsal import Rehearsal
from processing.replay import origin
from processing.runnable import Runnable
from processing.throttle import Throttle
from processing.view import ViewLoop
from processing.word_filter import WordFilter
from producer import flush
from schemas import Alert, HumanMessage, encode, printable, show

__all__ = ['AlertService', 'OffensiveContentAlertService', 'ThrottlingAlertService']

TRIGGERED_BY = 'triggered-by'  # the header that names the record an alert is about
MAX_ALERT_BYTES = 100_000  # of an alert that is written whole
SHORT_TEXT = 1000  # characters of each text in an alert that is not

WORDS = (
    'arse',
    'bastard',
    'bollocks',
    'bullshit',
    'crap',
    'damn',
    'damned',
    'fuck',
    'fucking',
    'idiot',
    'moron',
    'piss',
    'shit',
    'wanker',
)


class AlertService(Runnable):
    """Reads messages and writes alerts. Override ``process_message``, and ``get_alert_message``.

    A service that remembers gets a state for each partition from ``new_state()`` and finds it in
    ``self.state``; ``self.duration`` says how many seconds of messages it depends on. After a
    restart or a rebalance, that much of the log is shown to it again, without alerting.

    Args:
        monitor_topic: what to read: ``{'sender': str, 'contents': str}``. Other messages are
            reported and passed by.
        alert_topic: where alerts go, keyed by the sender:
            ``{'alert_type': str, 'alert_message': str, 'triggered_by': {...}}``.
        group_id: makes the service durable.
        offset: where to begin, as for ``get_consumer``; a group that has committed goes on where it
            was.
        dead_letter_topic: where messages that cannot be read are forwarded to.
        clock: tells seconds since 1970.

    Attributes:
        monitor_topic: as given, and so are ``alert_topic``, ``group_id``, ``offset`` and
            ``dead_letter_topic``.
        alert_type: what kind of alert it writes. For a child to set.
        duration: the seconds of messages that ``state`` depends on. For a child to set.
        state: in ``process_message``, what is remembered of the message's partition.
        now: in ``process_message``, what time it is on the message's partition, in seconds: what at
            least two senders agree on. It never goes back, whatever the senders' clocks say. While
            only one has ever spoken there, it is that one's time.
        sent: in ``process_message``, the message's own time: it is not before ``now``, and never
            goes back for a sender. Only a sender's own clock can put it ahead. Take it for what you
            remember of each sender, and ``now`` for what you remember of all.

    All other attributes begin with an underscore: the names without one are yours.

    >>> class ShoutingAlertService(AlertService):
    ...     alert_type = 'shouting'
    ...     def process_message(self, message):
    ...         if message.value['contents'].isupper():
    ...             self.emit_alert(message)
    """

    alert_type = 'alert'
    duration = 0.0

    def __init__(
        self,
        monitor_topic: str,
        alert_topic: str,
        group_id: str | None = None,
        offset: Any = 'latest',
        *,
        dead_letter_topic: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__()
        if monitor_topic == alert_topic:
            raise MessageError(
                f'{monitor_topic!r} is monitored and alerted to: the service would answer itself. '
                'Name two topics.'
            )
        self.monitor_topic = monitor_topic
        self.alert_topic = alert_topic
        self.group_id = group_id
        self.offset = offset
        self.dead_letter_topic = dead_letter_topic
        self.state: Any = None
        self.now = self.sent = 0.0
        self._clock = clock
        self._loop: ViewLoop | ExactlyOnceLoop | None = None
        self._print = True
        self._rehearsal: Rehearsal | None = None

    # For a child to override

    def new_state(self) -> Any:
        """What the service remembers of one partition, when it begins.

        Only ``process_message`` may change it.
        """
        return None

    def process_message(self, message: Any) -> None:
        """Look at one message, and call ``emit_alert(message)`` if it deserves that.

        Args:
            message: the record: ``message.value['sender']``, ``message.value['contents']``. Its
                time is ``self.sent``.
        """
        raise NotImplementedError(
            f'{type(self).__name__} needs a process_message(self, message) that calls '
            'self.emit_alert(message).'
        )

    def get_alert_message(self, message: Any) -> str:
        """The alert in words."""
        return f'{message.value["sender"]} triggered {self.alert_type}'

    # For a child to call

    def emit_alert(self, message: Any) -> None:
        """Write an alert about a message. Its header ``triggered-by``: ``topic/partition/offset``.

        An alert of more than 100 kB might not fit into its topic: then its texts are cut to their
        first 1,000 characters.

        Raises:
            MessageError: the service does not run.
        """
        loop = self._rehearsal or self._loop
        if loop is None:
            raise MessageError(
                'emit_alert() works while monitor() runs. '
                'Call it from process_message(self, message).'
            )
        alert = Alert(
            alert_type=self.alert_type,
            alert_message=self.get_alert_message(message),
            triggered_by=message.value,
        )
        if len(encode(alert)) > MAX_ALERT_BYTES:
            alert = _shortened(alert)
        headers = [(TRIGGERED_BY, origin(message).encode())]
        loop.emit(alert, alert['triggered_by']['sender'], headers)

    # Running: see Runnable for stop() and `with service:`

    def run(self, count: int | None = None, timeout: float | None = None) -> int:
        """See Runnable. A run with an end returns when the alerts are in the log."""
        done = super().run(count, timeout)
        if count is not None or timeout is not None:
            flush()
        return done

    def monitor(self, print_msgs: bool = True) -> None:
        """Watch until Ctrl-C or ``stop()``: ``run()`` without an end, as the walkthrough calls it.

        Args:
            print_msgs: print that it watches, each alert, and with a group which partitions it has.

        Raises:
            UnreachableError: no Kafka there.
            AccessError: not authorized to use a topic or a group.
        """
        self._print = print_msgs
        try:
            self.run()
        finally:
            self._print = True

    def open(self) -> ChatConsumer:
        """Fix where to start, now: what is sent after this call is seen by ``run`` or ``monitor``.

        ``with service:`` opens and closes.

        Returns:
            The consumer behind the service.
        """
        if self._loop is None:
            check_topic(self.alert_topic)
            loop = ViewLoop if self.group_id is None else ExactlyOnceLoop
            self._loop = loop(
                self,
                clock=self._clock,
                on_alert=self._show_alert,
                on_commit=self._patience.succeed,
                show=self._show,
            )
        return self._loop.consumer

    def close(self) -> None:
        """Commit what was looked at, leave the group, and close the connections."""
        self._stopping.clear()
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.close()

    def _rehearse(self, sent: list[tuple[str, Any]]) -> None:
        """From now on `process_message` works without Kafka; see `testing.overhear`."""
        rehearsal = self._rehearsal = Rehearsal(self, self._clock, sent)

        def look_at(message: Any) -> None:
            del vars(self)['process_message']  # so that the rehearsal calls the class's own
            try:
                rehearsal.look_at(message)
            finally:
                vars(self)['process_message'] = look_at

        vars(self)['process_message'] = look_at

    def _is_open(self) -> bool:
        return self._loop is not None

    def _step(self, most: int) -> int:
        self.open()
        assert self._loop is not None
        return self._loop.step(most)

    def _named_in_errors(self) -> dict[str, Any]:
        return {} if self._loop is None else self._loop.named_in_errors()

    def _has_partitions(self) -> bool:
        return self._loop is not None and self._loop.has_partitions

    def _is_replaying(self) -> bool:
        return self._loop is not None and self._loop.is_replaying

    def _is_behind(self) -> bool:
        return self._loop is not None and self._loop.consumer.is_more_to_come()

    def _announce(self, is_endless: bool) -> None:
        if is_endless:
            self._show(f'{type(self).__name__} watches {self.monitor_topic!r} until Ctrl-C.')

    def _show_alert(self, alert: Alert) -> None:
        """Print an alert that has been written."""
        self._show(f'ALERT {alert["alert_type"]}: {printable(alert["alert_message"])}')

    def _show(self, text: str) -> None:
        if self._print:
            show(text)


def _shortened(alert: Alert) -> Alert:
    message = alert['triggered_by']
    return Alert(
        alert_type=alert['alert_type'],
        alert_message=alert['alert_message'][:SHORT_TEXT],
        triggered_by=HumanMessage(
            sender=message['sender'][:SHORT_TEXT], contents=message['contents'][:SHORT_TEXT]
        ),
    )


class ThrottlingAlertService(AlertService):
    """Alerts on every message by which a sender has more than ``limit`` in ``duration`` seconds.

    Each partition is counted for itself. A sender's messages are all on one if they are keyed by
    sender, as `send_msg` does; a sender who uses several keys is allowed ``limit`` on each
    partition. If that matters, let `services.Rekey` copy the topic, keyed by sender, and watch the
    copy.

    A sender's timestamps count for that sender only: a message is never earlier than what at least
    two senders agree on, nor than its sender's last one, and never later than now. Who is alone on
    a partition is believed.

    Args:
        monitor_topic: as for `AlertService`, and so are ``alert_topic``, ``group_id``, ``offset``
            and the rest.
        limit: messages that are allowed within the window.
        duration: the window in seconds of record time.
        repeat_interval: seconds of quiet about a sender after an alert; 0 alerts on every message
            over the limit. It outlives a restart, see ``docs/scaling.md``.

    Attributes:
        limit: as given, and so are ``duration`` and ``repeat_interval``.

    >>> service = ThrottlingAlertService('human-messages', 'alerts', limit=10)
    """

    alert_type = 'throttled'

    def __init__(
        self,
        monitor_topic: str,
        alert_topic: str,
        group_id: str | None = None,
        offset: Any = 'latest',
        *,
        limit: int = 100,
        duration: float = 60.0,
        repeat_interval: float = 0.0,
        **rest: Any,
    ) -> None:
        super().__init__(monitor_topic, alert_topic, group_id, offset, **rest)
        if not (isinstance(limit, int) and limit >= 0 and duration > 0 and repeat_interval >= 0):
            raise MessageError(
                f'limit={limit!r}, duration={duration!r}, repeat_interval={repeat_interval!r}: '
                'limit must be an int, 0 or more; duration must be more than 0 seconds, '
                'repeat_interval 0 or more.'
            )
        self.limit = limit
        self.duration = duration
        self.repeat_interval = repeat_interval

    def new_state(self) -> Throttle:
        """The window of one partition."""
        return Throttle(self.limit, self.duration, self.repeat_interval)

    def process_message(self, message: Any) -> None:
        """Count it."""
        if self.state.over(message.value['sender'], self.sent):
            self.emit_alert(message)

    def get_alert_message(self, message: Any) -> str:
        """Who sent how much."""
        sender = message.value['sender']
        return f'{sender} sent more than {self.limit} messages within {self.duration:g} seconds'


class OffensiveContentAlertService(AlertService):
    """Alerts on messages with offensive words; the alert's own message masks them.

    Args:
        monitor_topic: as for `AlertService`, and so are ``alert_topic``, ``group_id``, ``offset``
            and the rest.
        words: what is offensive here. Case, accents and common disguises (``D4mn``, ``d.a.m.n``)
            are seen through.

    >>> service = OffensiveContentAlertService('human-messages', 'alerts', words=['damn'])
    """

    alert_type = 'offensive_content'

    def __init__(
        self,
        monitor_topic: str,
        alert_topic: str,
        group_id: str | None = None,
        offset: Any = 'latest',
        *,
        words: Iterable[str] = WORDS,
        **rest: Any,
    ) -> None:
        super().__init__(monitor_topic, alert_topic, group_id, offset, **rest)
        self._filter = WordFilter([words] if isinstance(words, str) else words)

    def process_message(self, message: Any) -> None:
        """Look for the words."""
        if self._filter.find(message.value['contents']):
            self.emit_alert(message)

    def get_alert_message(self, message: Any) -> str:
        """Who said it, masked."""
        text = self._filter.mask(message.value['contents'])
        return f'{message.value["sender"]} used offensive words: {text}'
