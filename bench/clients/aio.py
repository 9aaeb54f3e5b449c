"""aiokafka (asyncio, its records in C) with its defaults.

acks=all and idempotence are on, as they are in Kafka's own producer.
"""

import asyncio
import json
import os
from typing import Any

from bench.clients.measured import SERVERS, Window, alert, measured


def _producer() -> Any:
    import aiokafka

    return aiokafka.AIOKafkaProducer(
        bootstrap_servers=os.environ[SERVERS],
        enable_idempotence=True,
        value_serializer=lambda value: json.dumps(value).encode(),
    )


def _consumer(*topics: str, **options: Any) -> Any:
    import aiokafka

    return aiokafka.AIOKafkaConsumer(
        *topics,
        bootstrap_servers=os.environ[SERVERS],
        value_deserializer=json.loads,
        auto_offset_reset='earliest',
        **options,
    )


def send(topic: str, values: list[dict[str, str]]) -> dict[str, Any]:
    """Bulk: a loop of send, until all are acknowledged."""

    async def run() -> dict[str, Any]:
        result: dict[str, Any] = {}
        async with _producer() as producer:
            await producer.send_and_wait(topic, values[0])
            with measured(result):
                for value in values:
                    await producer.send(topic, value, key=value['sender'].encode())
                await producer.flush()
        return result

    return asyncio.run(run())


def send_blocking(topic: str, values: list[dict[str, str]]) -> dict[str, Any]:
    """One after the other, each acknowledged."""

    async def run() -> dict[str, Any]:
        result: dict[str, Any] = {}
        async with _producer() as producer:
            await producer.send_and_wait(topic, values[0])
            with measured(result):
                for value in values:
                    await producer.send_and_wait(topic, value, key=value['sender'].encode())
        return result

    return asyncio.run(run())


def read(topic: str, count: int) -> dict[str, Any]:
    """Iterate over decoded records."""

    async def run() -> dict[str, Any]:
        result: dict[str, Any] = {}
        async with _consumer(topic) as consumer:
            with measured(result):
                left = count
                async for msg in consumer:
                    msg.value['sender']
                    left -= 1
                    if not left:
                        break
        return result

    return asyncio.run(run())


def first_send(topic: str, value: dict[str, str]) -> dict[str, Any]:
    """From nothing to an acknowledged message."""
    import aiokafka  # noqa: F401

    async def run() -> dict[str, Any]:
        result: dict[str, Any] = {}
        with measured(result):
            producer = _producer()
            await producer.start()
            await producer.send_and_wait(topic, value)
        await producer.stop()
        return result

    return asyncio.run(run())


def first_read(topic: str, group: str) -> dict[str, Any]:
    """From nothing to a group's first message."""
    import aiokafka  # noqa: F401

    async def run() -> dict[str, Any]:
        result: dict[str, Any] = {}
        with measured(result):
            consumer = _consumer(topic, group_id=group)
            await consumer.start()
            await consumer.getone()
        await consumer.stop()
        return result

    return asyncio.run(run())


def cycle_producer(topic: str, value: dict[str, str]) -> None:
    """Make, use and destroy a producer."""

    async def run() -> None:
        async with _producer() as producer:
            await producer.send_and_wait(topic, value)

    asyncio.run(run())


def cycle_consumer(topic: str) -> None:
    """Make, use and destroy a consumer."""

    async def run() -> None:
        async with _consumer(topic) as consumer:
            await consumer.getone()

    asyncio.run(run())


def throttle(monitor: str, alerts: str, group: str | None, limit: int) -> dict[str, Any]:
    """The same job, until Ctrl-C. With a group: at least once, as the client does it by itself."""
    window = Window(limit)
    result: dict[str, Any] = {}

    async def run() -> None:
        async with _consumer(monitor, group_id=group) as consumer, _producer() as producer:
            async for msg in consumer:
                if window.exceeded(msg.value['sender'], msg.timestamp / 1000):
                    await producer.send(alerts, alert(msg.value), key=msg.value['sender'].encode())

    with measured(result):
        asyncio.run(run())
    return result
