"""Topics that are missing, or cannot exist. Users without ACLs are in test_mistakes.py."""

from typing import Any

import pytest

import settings
from connection import diagnosis
from errors import AccessError


@pytest.mark.parametrize('operation', ['read', 'write'])
def test_a_topic_that_is_not_there_is_created_if_kafka_may(
    operation: str, kafka: Any, topic: str
) -> None:
    """Asking for access creates a topic as the client would.

    A client that must not create topics is told that it is missing.
    """
    name = settings.topic_name(f'{topic}-{operation}')
    strict = settings.client_options('consumer', allow_auto_create_topics=False)
    with pytest.raises(AccessError, match=r'does not exist.*UNKNOWN_TOPIC_OR_PARTITION'):
        diagnosis.require_access(strict, [name], operation)
    diagnosis.require_access(settings.client_options('consumer'), [name], operation)
    diagnosis.require_access(strict, [name], operation)


def test_a_name_that_no_topic_can_have_is_told(kafka: Any) -> None:
    """Kafka's rule for names is said where it is broken."""
    with pytest.raises(AccessError, match=r'is not a valid topic name \(INVALID_TOPIC_EXCEPTION\)'):
        diagnosis.require_access(settings.client_options('consumer'), ['two words'])
