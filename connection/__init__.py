"""The way into Kafka: how we connect, and which stage failed when we cannot.

Before a client: `redaction` keeps secrets out of what is shown, `option_types` reads options from
text, `heroku` knows Heroku's names for them, `addresses`, `security` and `tls` check them.
On the wire: `wire` asks one broker, `handshake` connects stage by stage, `authorization` asks about
topics and groups, and `diagnosis` says what failed, and what to do.

The one idea to take away: connecting is a series of small agreements, and each of them fails in its
own way.
"""

__all__: 'list[str]' = []  # in quotes: older Pythons come as far as this, and are told so
