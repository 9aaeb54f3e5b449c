"""A solution of exercise 11."""

import settings
from kafka.admin import KafkaAdminClient


def brokers_in_sync(topic):
    admin = KafkaAdminClient(**settings.client_options('admin'))
    try:
        (description,) = admin.describe_topics([settings.topic_name(topic)])
        return {each['partition_index']: each['isr_nodes'] for each in description['partitions']}
    finally:
        admin.close()
