"""The way into Kafka, stage by stage: credentials, the handshake, and the diagnosis of where it ended.

The one idea to take away: connecting is a row of small agreements, and each of them fails in its own way.
"""

__all__: list[str] = []
