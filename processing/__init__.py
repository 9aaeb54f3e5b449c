"""Stream processing: the loops beneath alert services, services and bots, the windows they keep, and the replay of a log.

The one idea to take away: read, work, commit; in this order, or in one transaction.
"""

__all__: list[str] = []
