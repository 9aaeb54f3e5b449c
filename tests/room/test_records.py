"""One record, fetched from a real Kafka by its offset, and described."""

import pytest

from errors import AccessError, MessageError
from producer import send_msg
from room.formatting import describe_record, hexdump
from room.records import fetch_record


def test_one_record_is_fetched_as_it_is(topic: str) -> None:
    """A record has its bytes, key and headers; an error tells which offsets there are."""
    message = {'sender': 'red', 'contents': 'hello'}
    send_msg(topic, message, block=True, headers=[('trace', b'\x00')])
    described = describe_record(fetch_record(topic, 0, 0))
    assert (described['key'], described['headers'], described['read as']) == (
        "b'red'",
        r"trace: b'\x00'",
        'red said: hello',
    )
    assert described['bytes'].splitlines()[1].startswith('0000  7b 22 73 65')
    with pytest.raises(AccessError, match='holds offsets 0 to 0'):
        fetch_record(topic, 0, 7)
    with pytest.raises(AccessError, match='no offset -1'):
        fetch_record(topic, 0, -1)
    with pytest.raises(AccessError, match='no partition 4'):
        fetch_record(topic, 4, 0)
    with pytest.raises(MessageError, match='internal topic of Kafka'):
        fetch_record('__consumer_offsets', 0, 0)


def test_bytes_are_shown_sixteen_a_line() -> None:
    """Bytes are in lines of sixteen, with their text; of many the first, and how many more."""
    assert hexdump(b'') == ''
    assert hexdump(b'ab\x00') == f'0000  {"61 62 00":<47}  ab.'
    assert hexdump(bytes(1000)).splitlines()[-1] == '... 488 bytes more'
