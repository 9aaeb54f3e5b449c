"""A solution of exercise 3."""

from consumer import get_consumer
from schemas import HumanMessage


def talkers(topic):
    return {
        msg.value['sender']
        for msg in get_consumer(topic, offset='earliest', timeout=1.0, schema=HumanMessage)
    }
