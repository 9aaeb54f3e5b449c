"""What stands between ``send_msg`` / ``get_consumer`` and kafka-python: not for a first reading.

The one idea to take away: the public client is the contract; what is done beneath it has a name, a
reason and a way back.
"""

__all__: list[str] = []
