"""Count on the schema, and survive who breaks it.

Write ``talkers``: it reads the whole topic and returns the set of all senders. Somebody has sent things there that are no
messages; they must be passed by. ``get_consumer`` takes a ``schema``, and ``schemas.HumanMessage`` is one.
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
            f'A message without the agreed shape ended talkers(): {error!r}. Let schema=HumanMessage sort them out.'
        ) from None
    assert found, (
        "talkers() found nobody. Read with offset='earliest' and a timeout, and collect msg.value['sender']."
    )
    assert found == {'red', 'blue'}, 'Only red and blue sent messages of the schema.'
