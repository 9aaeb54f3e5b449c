"""Rely on the schema, and skip what breaks it.

Write ``talkers``. It reads the whole topic and returns the set of all senders. Somebody has sent
values that do not fit the schema; they must be skipped. ``get_consumer`` takes a ``schema``, and
``schemas.HumanMessage`` is one.
"""

from consumer import get_consumer
from schemas import HumanMessage


def talkers(topic):
    return set()  # your turn


# --- the check: leave it as it is ---


def test_talkers(topic, say, hear):
    from producer import send_msg

    say('red', 'hello')
    for value in ({'some': 'dict'}, ['sender', 'contents'], {'sender': 7, 'contents': 'seven'}):
        send_msg(topic, value, block=True)
    say('blue', 'hello')
    try:
        found = talkers(topic)
    except (KeyError, TypeError) as error:
        raise AssertionError(
            f'A message that breaks the schema ended talkers(): {error!r}. '
            'With schema=HumanMessage, get_consumer skips them.'
        ) from None
    assert found, (
        "talkers() found nobody. Read with offset='earliest' and a timeout, "
        "and collect msg.value['sender']."
    )
    assert found == {'red', 'blue'}, (
        f'Only red and blue sent messages that fit the schema; talkers() returned {found}.'
    )
