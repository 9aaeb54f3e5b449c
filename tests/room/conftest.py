"""What the tests of the page share: one Kafka, one room, two browsers."""

from tests.support.rooms import address, kafka_here, settings_here, two

__all__ = ['address', 'kafka_here', 'settings_here', 'two']
