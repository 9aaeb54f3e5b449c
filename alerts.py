"""Things that watch: services that read one topic and write to another (walkthrough steps 6 and 7).

Without a group a service is a view that starts now. With ``group_id`` it is durable: it resumes where it stopped, several
instances share the partitions, and each alert is written exactly once. Write your own by overriding ``process_message``.

The one idea to take away: services do not call each other. They read what happened and add what they think of it.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from client.interrupts import CtrlC
from errors import MessageError
from processing import exactly_once
from processing.windows import Throttle, WordFilter
from schemas import Alert, HumanMessage, encode, printable

__all__ = ['AlertService', 'OffensiveContentAlertService', 'ThrottlingAlertService']

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


LONGEST, SHORT = (
    100_000,
    1000,
)  # bytes of an alert that is whole; characters of each text of one that is cut


class AlertService:
    """Reads messages and writes alerts. Override ``process_message``, and ``get_alert_message`` if you like.

    A service that remembers gets a state for each partition from ``new_state()`` and finds it in ``self.state``; ``self.duration`` says how
    many seconds of messages it depends on. After a restart or a rebalance, that much of the log is shown to it again, without alerting.

    Args:
        monitor_topic: what to read: ``{'sender': str, 'contents': str}``. Other messages are reported and passed by.
        alert_topic: where alerts go: ``{'alert_type': str, 'alert_message': str, 'triggered_by': {...}}``, keyed by the sender.
        group_id: makes the service durable.
        offset: where to begin, as for ``get_consumer``; a group that has committed goes on where it was.
        dead_letter_topic: where messages that cannot be read are forwarded to.
        clock: the time in seconds since 1970.

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
        if monitor_topic == alert_topic:
            raise MessageError(
                f'{monitor_topic!r} is monitored and alerted to: the service would answer itself. Name two topics.'
            )
        self.monitor_topic = monitor_topic
        self.alert_topic = alert_topic
        self.group_id = group_id
        self.offset = offset
        self.dead_letter_topic = dead_letter_topic
        self.clock = clock
        self.state: Any = None
        self.now = 0.0
        self._stopped = threading.Event()
        self._loop: exactly_once.View | None = None
        self._print = True

    def new_state(self) -> Any:
        """What the service remembers of one partition, when it begins. Only ``process_message`` may change it."""
        return None

    def process_message(self, message: Any) -> None:
        """Look at one message, and call ``emit_alert(message)`` if it deserves that.

        Args:
            message: the record: ``message.value['sender']``, ``message.value['contents']``; ``self.now`` is its time in seconds, which
                never goes back within a partition, whatever the sender's clock says.
        """
        raise NotImplementedError(
            f'{type(self).__name__} needs a process_message(self, message) that calls self.emit_alert(message).'
        )

    def get_alert_message(self, message: Any) -> str:
        """The alert in words."""
        return f'{message.value["sender"]} triggered {self.alert_type}'

    def emit_alert(self, message: Any) -> None:
        """Write an alert about a message. Its header ``triggered-by`` says ``topic/partition/offset``.

        An alert of more than 100 kB might not fit into its topic: then its texts are cut to their first 1,000 characters.
        """
        alert = Alert(
            alert_type=self.alert_type,
            alert_message=self.get_alert_message(message),
            triggered_by=message.value,
        )
        if len(encode(alert)) > LONGEST:
            by = HumanMessage(
                sender=message.value['sender'][:SHORT], contents=message.value['contents'][:SHORT]
            )
            alert = Alert(
                alert_type=self.alert_type,
                alert_message=alert['alert_message'][:SHORT],
                triggered_by=by,
            )
        headers = [
            ('triggered-by', f'{message.topic}/{message.partition}/{message.offset}'.encode())
        ]
        if self._loop is None:
            raise MessageError(
                'emit_alert() works while monitor() runs. Call it from process_message(self, message).'
            )
        self._loop.emit(alert, alert['triggered_by']['sender'], headers)

    def tell(self, alert: Alert) -> None:
        """Print an alert that has been written."""
        if self._print:
            print(f'ALERT {alert["alert_type"]}: {printable(alert["alert_message"])}', flush=True)

    def monitor(self, print_msgs: bool = True) -> None:
        """Watch until Ctrl-C or ``stop()``.

        Args:
            print_msgs: print that it watches, and each alert.

        Raises:
            UnreachableError: no Kafka there. AccessError: no right to a topic or group.
        """
        self._print = print_msgs
        with CtrlC() as ctrl_c:
            try:
                self._loop = (
                    exactly_once.View(self) if self.group_id is None else exactly_once.Group(self)
                )
                if print_msgs:
                    print(
                        f'{type(self).__name__} watches {self.monitor_topic!r} until Ctrl-C.',
                        flush=True,
                    )
                while not self._stopped.is_set():
                    with ctrl_c.held():
                        self._loop.step()
            finally:
                self._stopped.clear()
                if self._loop is not None:
                    self._loop.close()
                    self._loop = None

    def stop(self) -> None:
        """End ``monitor()`` from another thread; it returns within a second."""
        self._stopped.set()


class ThrottlingAlertService(AlertService):
    """Alerts on every message by which a sender has more than ``limit`` within ``duration`` seconds, on one partition.

    Args:
        monitor_topic: as for `AlertService`, and so are ``alert_topic``, ``group_id``, ``offset`` and the rest.
        limit: messages that are allowed within the window.
        duration: the window in seconds of record time.
        repeat_interval: seconds of quiet about a sender after an alert; 0 alerts on every message over the limit.

    >>> service = ThrottlingAlertService(monitor_topic='human-messages', alert_topic='alerts', limit=10)
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
                f'{limit=}, {duration=}, {repeat_interval=}: a limit is a whole number, 0 or more; a duration is more than 0 seconds.'
            )
        self.limit = limit
        self.duration = duration
        self.repeat_interval = repeat_interval

    def new_state(self) -> Throttle:
        """The window of one partition."""
        return Throttle(self.limit, self.duration, self.repeat_interval)

    def process_message(self, message: Any) -> None:
        """Count it."""
        if self.state.over(message.value['sender'], self.now):
            self.emit_alert(message)

    def get_alert_message(self, message: Any) -> str:
        """Who sent how much."""
        return f'{message.value["sender"]} sent more than {self.limit} messages within {self.duration:g} seconds'


class OffensiveContentAlertService(AlertService):
    """Alerts on messages with offensive words; the alert's own message masks them.

    Args:
        monitor_topic: as for `AlertService`, and so are ``alert_topic``, ``group_id``, ``offset`` and the rest.
        words: what is offensive here. Case, accents and common disguises (``D4mn``, ``d.a.m.n``) are seen through.

    >>> service = OffensiveContentAlertService(monitor_topic='human-messages', alert_topic='alerts', words=['damn'])
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
        return f'{message.value["sender"]} used offensive words: {self._filter.mask(message.value["contents"])}'
