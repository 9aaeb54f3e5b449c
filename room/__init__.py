"""The chat room as a web page: talk, alerts and the log itself, live.

``python -m room`` opens it, beside every step of the walkthrough. `feed`, `cluster`, `replay` and
`records` read from Kafka and know of no page. `page` and the modules that it is made of draw, and
know of Kafka only what these give them. `state` is what all pages share, `server` serves them, and
`access` decides who comes in.

The one idea to take away: a page is one more producer and one more consumer. Nobody else had to
change for it.
"""

__all__: 'list[str]' = []  # in quotes: older Pythons come as far as this, and are told so
