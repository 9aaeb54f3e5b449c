"""Keep a conversation in order.

The topic has several partitions, and order holds within a partition only. Write ``whisper``: it sends ``{'sender': sender,
'contents': contents}``, so that all that two people say to each other stays in order, on one partition, whoever of them speaks.
Which key do both of them share?
"""

from producer import send_msg


def whisper(topic, sender, to, contents):
    pass  # your turn


# --- the check: leave it as it is ---


def test_whisper(make_topic):
    from processing.replay import read_back
    from producer import flush

    topic, pairs = (
        make_topic(partitions=6),
        [('red', 'blue'), ('ann', 'bob'), ('eve', 'sue'), ('max', 'kim'), ('joe', 'zoe')],
    )
    for turn in range(3):
        for one, two in pairs:
            whisper(topic, one, two, f'{one} {turn}')
            whisper(topic, two, one, f'{two} {turn}')
    flush()
    records = list(read_back(topic))
    assert records, 'Nothing is on the topic. Call send_msg(topic=topic, value={...}, key=...).'
    assert len(records) == 30, f'30 things were whispered, and {len(records)} are on the topic.'
    for one, two in pairs:
        places = {record.partition for record in records if record.value['sender'] in (one, two)}
        keys = {record.key for record in records if record.value['sender'] in (one, two)}
        assert len(keys) == 1, (
            f'What {one} and {two} say has the keys {sorted(map(str, keys))}. Make one of both names, sorted.'
        )
        assert len(places) == 1, f'{one} and {two} are on the partitions {places}.'
    assert len({record.partition for record in records}) > 1, (
        'All pairs are on one partition. A key of their own lets them spread.'
    )
