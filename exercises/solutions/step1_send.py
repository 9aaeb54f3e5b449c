"""A solution of exercise 1."""

from producer import send_msg


def greet(topic, name):
    promise = send_msg(topic=topic, value={'sender': name, 'contents': 'hello'})
    return promise.get(timeout=10).offset
