"""What the tests of the page share: one Kafka, one room, two browsers."""

from tests.support.rooms import address, kafka_here, room_process, settings_here, two

__all__ = ['address', 'kafka_here', 'room_process', 'settings_here', 'two']
