"""The whole walkthrough in one run: ``make demo``, or ``python -m demo --replay FILE`` with a real chat log.

It starts a Kafka of its own; a crowd, a spammer and a foul mouth talk, a thread each; two alert services listen, a process each. What
they say and notice is printed as it comes. At the end, and after Ctrl-C, everything is counted: nothing is lost.

The one idea to take away: none of the parts calls another. Each writes to the log or reads from it, and may come and go.
"""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import alerts
import consumer
import producer
import settings
from broker import Broker
from errors import ChatError
from schemas import printable
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
RED = 31
DRAIN = 20.0  # seconds that the services have, once nobody talks, for what they have not read yet
QUIET = 0.3  # seconds without a message after which the reader looks around


class Demo:
    """One run: who talks, who listens, and what came of it. ``python -m demo --seconds 8`` is ``Demo(seconds=8).run()``.

    Args:
        seconds: how long to talk; None is until the end of the replay.
        replay: a chat log to replay; None lets the simulators talk.
        speed: how many times faster than the log.
        limit: how many messages a sender may send in a minute before the throttle notices.
    """

    def __init__(
        self,
        seconds: float | None = 30.0,
        replay: str | None = None,
        speed: float = 3600.0,
        limit: int = 15,
    ) -> None:
        self.seconds, self.limit, self.replay = seconds, limit, replay
        self.until = float('inf')
        self.read = 0
        self.alerts: Counter[str] = Counter()
        self.colour = sys.stdout.isatty() and 'NO_COLOR' not in os.environ
        self.stop = threading.Event()
        self.talkers: list[MsgSimulator] = [
            CrowdSimulator('human-messages', senders=20, delay=0.3, sleep=self._pause),
            SpamSimulator('human-messages', delay=0.2, sleep=self._pause),
            MsgChoiceSimulator(RUDE, key='grumpy', delay=2.0, sleep=self._pause),
        ]
        if replay is not None:
            self.talkers = [ReplaySimulator(replay, speed, sleep=self._pause, clock=self._clock)]

    def run(self) -> int:
        """Start everything, print what comes, end everything, and sum up. Returns how many messages were lost."""
        begun = time.monotonic()
        with (
            Broker(properties={'num.partitions': '3'}) as kafka,
            found_at(kafka.bootstrap_servers),
            ExitStack() as stack,
        ):
            stack.enter_context(signals(self._interrupt))
            print(
                f'Kafka runs on {kafka.bootstrap_servers} after {time.monotonic() - begun:.1f} s.',
                flush=True,
            )
            reader = stack.enter_context(
                closing(
                    consumer.get_consumer(
                        'human-messages', 'alerts', offset='earliest', timeout=QUIET
                    )
                )
            )
            threads = [
                threading.Thread(target=self._talk, args=[talker], daemon=True)
                for talker in self.talkers
            ]
            stack.callback(self.stop.set)
            self.until = min(self.until, time.monotonic() + (self.seconds or float('inf')))
            for thread in threads:
                thread.start()
            quiet = 0.0 if self.replay else 1.0
            stack.enter_context(
                process(
                    'ThrottlingAlertService',
                    group_id='throttle',
                    limit=self.limit,
                    repeat_interval=quiet,
                )
            )
            stack.enter_context(process('OffensiveContentAlertService', group_id='offensive'))
            while any(thread.is_alive() for thread in threads):
                self._show(reader)
            deadline = time.monotonic() + DRAIN
            while self._services_are_behind(reader) and time.monotonic() < deadline:
                self._show(reader)
            self._show(reader)
            producer.close()
        return self._sum_up(time.monotonic() - begun)

    def _talk(self, talker: MsgSimulator) -> None:
        try:
            talker.simulate(print_msg=False)
        except ChatError as error:
            print(error, file=sys.stderr)

    def _pause(self, seconds: float) -> None:
        if self.stop.wait(seconds):
            raise KeyboardInterrupt  # ends simulate() as Ctrl-C would

    def _clock(self) -> float:
        self._pause(0)
        return time.time()

    def _interrupt(self, *_: object) -> None:
        if self.until == 0:
            raise KeyboardInterrupt  # the second Ctrl-C does not wait for the services
        self.until = 0

    def _show(self, reader: Any) -> None:
        """Print what comes until nothing does."""
        for msg in reader:
            if 'alert_type' in msg.value:
                self.alerts[msg.value['alert_type']] += 1
                self._print(f'*** {msg.value["alert_type"]}: {msg.value["alert_message"]}', RED)
            else:
                self.read += 1
                sender = msg.value['sender']
                self._print(
                    f'{sender} said: {msg.value["contents"]}', 32 + zlib.crc32(sender.encode()) % 5
                )
            self._look_at_the_clock()
        self._look_at_the_clock()

    def _look_at_the_clock(self) -> None:
        if time.monotonic() >= self.until:
            self.stop.set()

    def _print(self, text: str, colour: int) -> None:
        line = printable(text)
        print(f'\033[{colour}m{line}\033[0m' if self.colour else line, flush=True)

    def _services_are_behind(self, reader: Any) -> bool:
        from kafka.admin import KafkaAdminClient
        from kafka.errors import KafkaError

        with closing(KafkaAdminClient(**settings.client_options('admin'))) as admin:
            try:
                groups = admin.list_group_offsets(['throttle', 'offensive'])
            except KafkaError:
                return True  # a group is not there yet
        ends = reader.end_offsets(
            [place for place in reader.assignment() if place.topic == 'human-messages']
        )
        return any(
            place not in done or done[place].offset < end
            for done in groups.values()
            for place, end in ends.items()
            if end
        )

    def _sum_up(self, seconds: float) -> int:
        sent = sum(talker.tally.sent for talker in self.talkers)
        acknowledged = sum(talker.tally.acknowledged for talker in self.talkers)
        lost = acknowledged - self.read
        print(f'\nAfter {seconds:.0f} s:')
        counts = {
            'messages sent': sent,
            'acknowledged': acknowledged,
            'read': self.read,
            'lost': lost,
        }
        for name, count in (
            counts | {f'alerts: {kind}': count for kind, count in sorted(self.alerts.items())}
        ).items():
            print(f'  {name:<26}{count:>8}', flush=True)
        return lost


def watch(service: str, **options: Any) -> None:
    """Run an alert service until standard input ends, as it does when the process that started this one does."""

    def end() -> None:
        sys.stdin.read()
        watching.stop()
        time.sleep(3.0)
        os._exit(1)  # Kafka went first

    watching = getattr(alerts, service)('human-messages', 'alerts', offset='earliest', **options)
    threading.Thread(target=end, daemon=True).start()
    watching.monitor(print_msgs=False)


@contextmanager
def process(service: str, **options: Any) -> Iterator[None]:
    """An alert service in a process of its own, out of reach of this terminal's Ctrl-C."""
    said = ', '.join([repr(service), *(f'{name}={value!r}' for name, value in options.items())])
    started = subprocess.Popen(
        [sys.executable, '-c', f'import demo; demo.watch({said})'],
        cwd=Path(__file__).parent,
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield
    finally:
        assert started.stdin is not None
        started.stdin.close()
        try:
            started.wait(5.0)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


@contextmanager
def found_at(servers: str) -> Iterator[None]:
    """For as long as it lasts, this process and its children find that Kafka and no other."""
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
def signals(handler: Any) -> Iterator[None]:
    """Ctrl-C and SIGTERM call the handler."""
    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status: 0 if nothing was lost."""
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
        help='messages a minute before the throttle notices (default: 15)',
    )
    said = parser.parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return min(
            1,
            Demo(
                said.seconds or (None if said.replay else 30.0), said.replay, said.speed, said.limit
            ).run(),
        )
    except ChatError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print('Stopped.')
        return 130


if __name__ == '__main__':
    sys.exit(main())
