"""Say hello, and know that it arrived.

Write ``greet``. It sends ``{'sender': name, 'contents': 'hello'}`` to the topic, waits until Kafka
has it, and returns its offset. ``send_msg`` returns a promise, and ``promise.get(timeout=10)``
waits until it is fulfilled.
"""

from producer import send_msg


def greet(topic, name):
    return None  # your turn


# --- the check: leave it as it is ---


def test_greet(topic, hear):
    offsets = [greet(topic, name) for name in ('red', 'blue')]
    heard = hear()
    assert heard, (
        'Nothing is on the topic when greet() returns. '
        'Call send_msg(topic=topic, value={...}), and wait for its promise.'
    )
    expected = [{'sender': name, 'contents': 'hello'} for name in ('red', 'blue')]
    assert heard == expected, f'The topic should hold {expected}.'
    assert offsets == [0, 1], (
        f'greet() should return the offsets 0 and 1, and returned {offsets}. '
        'Look at what promise.get(timeout=10) returns.'
    )
