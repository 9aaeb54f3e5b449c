"""The whole walkthrough in one run: ``make demo``, or ``python -m demo --replay FILE``.

It starts a Kafka of its own. A crowd, a spammer and somebody rude talk, each in a thread; two alert
services watch them, each in a process. What they say and notice is printed as it comes. At the end,
and after Ctrl-C, everything is counted, to show that nothing was lost.

The one idea to take away: none of the parts calls another. Each writes to the log or reads from it,
and may come and go.
"""

import connection.this_python  # noqa: F401 - says what this Python lacks

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import alerts
import consumer
import producer
import settings
from broker import Broker
from errors import ChatError
from schemas import printable, show
from simulators import (
    CrowdSimulator,
    MsgChoiceSimulator,
    MsgSimulator,
    ReplaySimulator,
    SpamSimulator,
)

__all__ = ['Demo', 'main', 'watch']

RUDE = [
    'who gives a damn',
    'this is crap',
    'what a load of bollocks',
    'damn, I forgot',
    'you, sir, are an idiot',
]
RED = 31  # colours of a terminal (SGR codes): alerts are red, each sender has one of the others
SENDER_COLOURS = (32, 33, 34, 35, 36)
DRAIN = 20.0  # seconds that the services have to catch up, once nobody talks any more
QUIET = 0.3  # seconds without a message, after which the reader returns


class Demo:
    """One run: who talks, who watches, and what came of it.

    ``python -m demo --seconds 8`` is ``Demo(seconds=8).run()``.

    Args:
        seconds: how long to talk; None is until the end of the replay.
        replay: a chat log to replay; None lets the simulators talk.
        speed: how many times faster than the log to replay it.
        limit: how many messages a sender may send in a minute before the throttle alerts.
    """

    def __init__(
        self,
        seconds: float | None = 30.0,
        replay: str | None = None,
        speed: float = 3600.0,
        limit: int = 15,
    ) -> None:
        self.seconds = seconds
        self.limit = limit
        self.replay = replay
        self.until = float('inf')  # when to stop talking, on the monotonic clock
        self.interrupted = False
        self.read = 0
        self.alerts: Counter[str] = Counter()
        self.colour = sys.stdout.isatty() and 'NO_COLOR' not in os.environ
        self.stop = threading.Event()
        self.talkers: list[MsgSimulator] = []
        if replay is None:
            self.talkers = [
                CrowdSimulator('human-messages', senders=20, delay=0.3, sleep=self._pause),
                SpamSimulator('human-messages', delay=0.2, sleep=self._pause),
                MsgChoiceSimulator(RUDE, key='grumpy', delay=2.0, sleep=self._pause),
            ]
        else:
            self.talkers = [ReplaySimulator(replay, speed, sleep=self._pause, clock=self._clock)]

    def run(self) -> int:
        """Start everything, print what comes, end everything, and print the summary.

        Returns:
            How many messages were lost.
        """
        begun = time.monotonic()
        with (
            Broker(properties={'num.partitions': '3'}) as kafka,
            only_kafka_at(kafka.bootstrap_servers),
            signals_call(self._interrupt),
        ):
            seconds = time.monotonic() - begun
            print(f'Kafka runs on {kafka.bootstrap_servers} after {seconds:.1f} s.', flush=True)
            self._talk_and_watch()
        return self._sum_up(time.monotonic() - begun)

    def _talk_and_watch(self) -> None:
        threads = [
            threading.Thread(target=self._talk, args=[talker], daemon=True)
            for talker in self.talkers
        ]
        # One alert a second about the spammer is enough; a replayed log gets all that it deserves.
        repeat_interval = 1.0 if self.replay is None else 0.0
        with ExitStack() as stack:
            reader = consumer.get_consumer(
                'human-messages', 'alerts', offset='earliest', timeout=QUIET
            )
            stack.enter_context(closing(reader))
            stack.callback(self.stop.set)
            if self.seconds:
                self.until = time.monotonic() + self.seconds
            for thread in threads:
                thread.start()
            stack.enter_context(
                service_process(
                    'ThrottlingAlertService',
                    group_id='throttle',
                    limit=self.limit,
                    repeat_interval=repeat_interval,
                )
            )
            stack.enter_context(
                service_process('OffensiveContentAlertService', group_id='offensive')
            )
            while any(thread.is_alive() for thread in threads):
                self._show(reader)
            deadline = time.monotonic() + DRAIN
            while self._services_lag(reader) and time.monotonic() < deadline:
                self._show(reader)
            self._show(reader)
            producer.close()

    def _talk(self, talker: MsgSimulator) -> None:
        try:
            talker.simulate(print_msg=False)
        except ChatError as error:
            print(error, file=sys.stderr)

    def _pause(self, seconds: float) -> None:
        """What the simulators sleep with: it can be cut short."""
        if self.stop.wait(seconds):
            raise KeyboardInterrupt  # ends simulate() as Ctrl-C would

    def _clock(self) -> float:
        self._pause(0)
        return time.time()

    def _interrupt(self, *_: object) -> None:
        """The handler of Ctrl-C and SIGTERM."""
        if self.interrupted:
            raise KeyboardInterrupt  # the second Ctrl-C does not wait for the services
        self.interrupted = True

    def _show(self, reader: Any) -> None:
        """Print what comes until nothing does."""
        for msg in reader:
            message = msg.value
            if 'alert_type' in message:
                self.alerts[message['alert_type']] += 1
                self._print(f'*** {message["alert_type"]}: {message["alert_message"]}', RED)
            else:
                self.read += 1
                line = f'{message["sender"]} said: {message["contents"]}'
                self._print(line, _colour_of(message['sender']))
            self._stop_when_time_is_up()
        self._stop_when_time_is_up()

    def _stop_when_time_is_up(self) -> None:
        if self.interrupted or time.monotonic() >= self.until:
            self.stop.set()

    def _print(self, text: str, colour: int) -> None:
        line = printable(text)
        show(f'\033[{colour}m{line}\033[0m' if self.colour else line)

    def _services_lag(self, reader: Any) -> bool:
        """Whether a service has messages left that it has not committed."""
        from kafka.admin import KafkaAdminClient
        from kafka.errors import KafkaError

        with closing(KafkaAdminClient(**settings.client_options('admin'))) as admin:
            try:
                groups = admin.list_group_offsets(['throttle', 'offensive'])
            except KafkaError:
                return True  # a group is not there yet
        partitions = [tp for tp in reader.assignment() if tp.topic == 'human-messages']
        ends = {tp: end for tp, end in reader.end_offsets(partitions).items() if end > 0}
        for committed in groups.values():
            for partition, end in ends.items():
                if partition not in committed or committed[partition].offset < end:
                    return True
        return False

    def _sum_up(self, seconds: float) -> int:
        sent = sum(talker.tally.sent for talker in self.talkers)
        acknowledged = sum(talker.tally.acknowledged for talker in self.talkers)
        lost = acknowledged - self.read
        counts = {
            'messages sent': sent,
            'acknowledged': acknowledged,
            'read': self.read,
            'lost': lost,
        }
        for kind, count in sorted(self.alerts.items()):
            counts[f'alerts: {kind}'] = count
        print(f'\nAfter {seconds:.0f} s:')
        for name, count in counts.items():
            print(f'  {name:<26}{count:>8}', flush=True)
        return lost


def _colour_of(sender: str) -> int:
    return SENDER_COLOURS[zlib.crc32(sender.encode()) % len(SENDER_COLOURS)]


def watch(service: str, **options: Any) -> None:
    """Run an alert service until standard input ends.

    That happens when the process that started this one closes it, or dies.

    Args:
        service: the name of a class in ``alerts``.
        options: its further arguments.
    """
    watching = getattr(alerts, service)('human-messages', 'alerts', offset='earliest', **options)

    def end() -> None:
        sys.stdin.read()
        watching.stop()
        time.sleep(3.0)
        os._exit(1)  # it did not stop, because Kafka is gone already

    threading.Thread(target=end, daemon=True).start()
    watching.monitor(print_msgs=False)


@contextmanager
def service_process(service: str, **options: Any) -> Iterator[None]:
    """An alert service in a process of its own, which this terminal's Ctrl-C does not reach."""
    arguments = [repr(service)]
    arguments += [f'{name}={value!r}' for name, value in options.items()]
    code = f'import demo; demo.watch({", ".join(arguments)})'
    process = subprocess.Popen(
        [sys.executable, '-c', code],
        cwd=Path(__file__).parent,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(5.0)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def only_kafka_at(servers: str) -> Iterator[None]:
    """Inside the block, this process and its children use that Kafka, whatever was set before."""
    before = {
        name: value
        for name, value in os.environ.items()
        if name.startswith('KAFKA_') or name == 'WORKSHOP_ENV_FILE'
    }
    for name in before:
        del os.environ[name]
    os.environ |= {'WORKSHOP_ENV_FILE': '', 'KAFKA_BOOTSTRAP_SERVERS': servers}
    try:
        yield
    finally:
        del os.environ['WORKSHOP_ENV_FILE'], os.environ['KAFKA_BOOTSTRAP_SERVERS']
        os.environ |= before


@contextmanager
def signals_call(handler: Callable[..., None]) -> Iterator[None]:
    """Inside the block, Ctrl-C and SIGTERM call the handler."""
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog='python -m demo',
        description='The whole walkthrough in one run, on a Kafka of its own.',
    )
    parser.add_argument(
        '--seconds', type=float, help='how long to talk (default: 30, or the whole log)'
    )
    parser.add_argument(
        '--replay', metavar='FILE', help='replay a chat log: IRC text, JSON lines or CSV'
    )
    parser.add_argument(
        '--speed',
        type=float,
        default=3600.0,
        help='how many times faster than the log (default: 3600; inf: no pauses)',
    )
    parser.add_argument(
        '--limit',
        type=int,
        default=15,
        help='messages a minute before the throttle alerts (default: 15)',
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line.

    Returns:
        The exit status: 0 if nothing was lost.
    """
    given = _parser().parse_args(arguments)
    seconds = given.seconds
    if not seconds and not given.replay:
        seconds = 30.0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        lost = Demo(seconds, given.replay, given.speed, given.limit).run()
    except ChatError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('Stopped.')
        return 130
    return 0 if lost == 0 else 1


if __name__ == '__main__':
    sys.exit(main())
