"""Stream processing: the loops beneath services, the windows they keep, the replay of a log.

The one idea to take away: read, work, commit; in this order, or in one transaction.
"""

__all__: list[str] = []
