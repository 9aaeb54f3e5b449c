"""Java's ahead-of-time cache: what a JVM learns while it runs Kafka once, for all later starts.

Used in step 0, once an installation. A "training run" records which classes Kafka loads (JEP 483
and JEP 514); with the cache made from it, a broker starts in half the time (1.4 instead of 2.9 s
on an idle machine).

The one idea to take away: a JVM starts slowly because it loads, checks and links thousands of
classes anew each time, and nothing forces it to forget them.
"""

import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from broker import jvm
from broker.file_locks import installation_lock
from broker.installation import Installation
from broker.progress import report
from errors import BrokerError

__all__ = ['RunBroker', 'RunningBroker', 'train']

CREATE_TIMEOUT = 120.0  # seconds for writing the cache
TOPIC = 'training'


class RunningBroker(Protocol):
    """What the training needs of a broker that runs."""

    @property
    def bootstrap_servers(self) -> str:
        """Its address."""


RunBroker = Callable[[tuple[str, ...]], AbstractContextManager[RunningBroker]]


def train(installation: Installation, run: RunBroker) -> None:
    """Make the ahead-of-time cache if there is none.

    A failure is noted in a file and not raised: Kafka starts without the cache too.

    Args:
        installation: Kafka on this machine.
        run: runs a broker with these JVM options, as a context manager.
    """
    failed = installation.aot_cache.with_suffix('.failed')

    def settled() -> bool:
        return installation.aot_cache.exists() or failed.exists()

    if settled():
        return
    try:
        with installation_lock(installation.folder / 'aot.lock'):
            if not settled():  # unless another process was quicker
                _train(installation, run, failed)
    except OSError as error:
        report(f'Kafka starts without its ahead-of-time cache: {error}.')


def _train(installation: Installation, run: RunBroker, failed: Path) -> None:
    began = time.monotonic()
    report('Preparing Kafka for quick starts, once (about 10 s) ...', end='')
    record = installation.aot_cache.with_suffix('.record')
    draft = installation.aot_cache.with_suffix('.draft')
    try:
        with run(('-XX:AOTMode=record', f'-XX:AOTConfiguration={record}')) as kafka:
            _exercise(kafka.bootstrap_servers)
        _create(installation, record, draft)
        draft.replace(installation.aot_cache)
    except (BrokerError, OSError, subprocess.SubprocessError) as error:
        failed.write_text(f'{error}\nDelete this file to try again.\n', encoding='utf-8')
        report(f'Kafka starts without its ahead-of-time cache ({failed} says why).')
    else:
        report(f'Kafka is prepared for quick starts ({time.monotonic() - began:.0f} s).')
    finally:
        for path in (draft, record):
            path.unlink(missing_ok=True)


def _create(installation: Installation, record: Path, cache: Path) -> None:
    """Have Java make a cache from the record of a training run."""
    options = ('-XX:AOTMode=create', f'-XX:AOTConfiguration={record}', f'-XX:AOTCache={cache}')
    subprocess.run(
        installation.command('kafka.Kafka', aot_options=options),
        env=jvm.java_environment(),
        check=True,
        capture_output=True,
        timeout=CREATE_TIMEOUT,
    )


def _exercise(servers: str) -> None:
    """Have a broker do what a workshop will have it do, so that the cache covers all of it."""
    import kafka
    import kafka.errors

    producer = kafka.KafkaProducer(
        bootstrap_servers=servers, transactional_id=TOPIC, compression_type='gzip'
    )
    consumer = kafka.KafkaConsumer(
        TOPIC,
        bootstrap_servers=servers,
        group_id=TOPIC,
        auto_offset_reset='earliest',
        consumer_timeout_ms=10_000,
    )
    try:
        producer.init_transactions()
        producer.begin_transaction()
        producer.send(TOPIC, b'value', b'key').get(10)
        producer.commit_transaction()
        next(consumer, None)
        consumer.commit()
    except kafka.errors.KafkaError as error:
        raise BrokerError(f'Kafka failed in its training run: {error!r}') from error
    finally:
        producer.close()
        consumer.close()
