"""Kafka's ahead-of-time cache: what a JVM learns while it runs Kafka once, written down for all later starts.

Used by ``broker.py``, once an installation. The one idea to take away: a JVM starts slowly because it loads, checks and links thousands
of classes anew each time; nothing forces it to forget.
"""

import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from broker import jvm
from errors import BrokerError

__all__ = ['Trainee', 'train']

TIMEOUT = 120.0  # seconds for writing the cache


class Trainee(Protocol):
    """A running broker."""

    @property
    def bootstrap_servers(self) -> str:
        """Its address."""


def train(
    installation: jvm.Installation,
    run: Callable[[tuple[str, ...]], AbstractContextManager[Trainee]],
) -> None:
    """Make the ahead-of-time cache if it is missing. A failure is noted, not raised: Kafka starts without it too.

    Args:
        installation: Kafka on this machine.
        run: runs a broker with these options of the JVM, as a context manager.
    """
    never = installation.aot.with_suffix('.failed')
    if installation.aot.exists() or never.exists():
        return
    try:
        with jvm.held(installation.folder / 'aot.lock'):
            if not (installation.aot.exists() or never.exists()):
                _train(installation, run, never)
    except OSError as error:
        jvm.say(f'Kafka does without its quick starts: {error}.')


def _train(
    installation: jvm.Installation,
    run: Callable[[tuple[str, ...]], AbstractContextManager[Trainee]],
    never: Path,
) -> None:
    began = time.monotonic()
    jvm.say('Preparing Kafka for quick starts, once (about 10 s) ...', end='')
    draft, record = installation.aot.with_suffix('.draft'), installation.aot.with_suffix('.record')
    try:
        with run(('-XX:AOTMode=record', f'-XX:AOTConfiguration={record}')) as kafka:
            _exercise(kafka.bootstrap_servers)
        create = ('-XX:AOTMode=create', f'-XX:AOTConfiguration={record}', f'-XX:AOTCache={draft}')
        command = installation.command('kafka.Kafka', aot=create)
        subprocess.run(
            command, env=jvm.environment(), check=True, capture_output=True, timeout=TIMEOUT
        )
        draft.replace(installation.aot)
    except (BrokerError, OSError, subprocess.SubprocessError) as error:
        never.write_text(f'{error}\nDelete this file to try again.\n', encoding='utf-8')
        jvm.say(f'Kafka does without its quick starts ({never} tells why).')
    else:
        jvm.say(f'Kafka is prepared for quick starts ({time.monotonic() - began:.0f} s).')
    finally:
        for path in (draft, record):
            path.unlink(missing_ok=True)


def _exercise(servers: str) -> None:
    """Have a broker do what a workshop will have it do, so that the cache knows all of it."""
    import kafka
    import kafka.errors

    producer = kafka.KafkaProducer(
        bootstrap_servers=servers, transactional_id='training', compression_type='gzip'
    )
    consumer = kafka.KafkaConsumer(
        'training',
        bootstrap_servers=servers,
        group_id='training',
        auto_offset_reset='earliest',
        consumer_timeout_ms=10_000,
    )
    try:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send('training', b'value', b'key').get(10)
        producer.commit_transaction()
        next(consumer, None)
        consumer.commit()
    except kafka.errors.KafkaError as error:
        raise BrokerError(f'Kafka did not do its exercise: {error!r}') from error
    finally:
        producer.close()
        consumer.close()
