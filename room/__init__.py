"""The chat room as a web page: talk, alerts, the log itself, live (beside every step of the walkthrough).

``python -m room`` opens it: ``server`` is what all pages share, ``page`` and ``panels`` are what one browser sees, ``feed`` and
``cluster`` are what is read from Kafka, ``access`` decides who comes in.

The one idea to take away: a page is one more producer and one more consumer. Nobody else had to change for it.
"""

__all__: list[str] = []
