"""What a group has committed, asked of Kafka itself."""

from contextlib import closing


def committed(topic: str, group_id: str) -> int:
    """The offset that a group has committed on the only partition of a topic."""
    from kafka import KafkaAdminClient, TopicPartition

    import settings

    with closing(KafkaAdminClient(**settings.client_options('admin'))) as admin:
        offsets = admin.list_group_offsets({group_id: [TopicPartition(topic, 0)]})
    found: int = offsets[group_id][TopicPartition(topic, 0)].offset
    return found
