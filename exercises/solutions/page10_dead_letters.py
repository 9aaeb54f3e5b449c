"""A solution of exercise 10."""

from consumer import get_consumer
from schemas import HumanMessage


def read_all(topic, dead):
    messages = get_consumer(
        topic, offset='earliest', timeout=1.0, schema=HumanMessage, dead_letter_topic=dead
    )
    return [msg.value['contents'] for msg in messages]
