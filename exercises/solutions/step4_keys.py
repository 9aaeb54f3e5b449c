"""A solution of exercise 4."""

from producer import send_msg


def whisper(topic, sender, to, contents):
    send_msg(
        topic=topic,
        value={'sender': sender, 'contents': contents},
        key='+'.join(sorted([sender, to])),
    )
