"""Ask Kafka which brokers have a topic (docs/break-it.md).

Write ``brokers_in_sync``. It returns, for each partition of the topic, the numbers of the brokers
whose replica is in sync: ``{0: [1, 2, 3], 1: [1, 3]}``. ``KafkaAdminClient`` asks about Kafka
itself. Its ``describe_topics([name])`` returns a list with one description for each topic: print
it, and look for what you need. It takes the full name, ``settings.topic_name(topic)``.
"""

import settings
from kafka.admin import KafkaAdminClient


def brokers_in_sync(topic):
    admin = KafkaAdminClient(**settings.client_options('admin'))
    try:
        return {}  # your turn
    finally:
        admin.close()


# --- the check: leave it as it is ---


def test_brokers_in_sync(make_topic):
    topic = make_topic(partitions=3)
    admin = KafkaAdminClient(**settings.client_options('admin'))
    try:
        there = {broker['broker_id'] for broker in admin.describe_cluster()['brokers']}
    finally:
        admin.close()
    found = brokers_in_sync(topic)
    assert found, (
        'brokers_in_sync() returned nothing. Print what '
        'admin.describe_topics([settings.topic_name(topic)]) returns: it is in there.'
    )
    assert set(found) == {0, 1, 2}, (
        f'The topic has the partitions 0, 1 and 2; it returned {found}. '
        "Their numbers are called 'partition_index'."
    )
    for partition, brokers in found.items():
        assert set() < set(brokers) <= there, (
            f'The brokers of this Kafka are {sorted(there)}, and partition {partition} should be '
            f'on some of them, not on {brokers}. In-sync replicas are called ISR.'
        )
