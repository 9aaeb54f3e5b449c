"""Heroku's variables for Kafka, taken as they are (used by `settings`).

Heroku sets ``KAFKA_URL`` and three certificates as PEM text. Its brokers' certificates carry no
host names, so the client checks their authority (CA) only.

The one idea to take away: platforms name the same options differently; translate once, at the edge.
"""

from typing import Any

from connection.redaction import mask_user_info
from errors import SettingsError

__all__ = ['HEROKU_VARIABLES', 'apply_kafka_url']

# Heroku's name for each option of kafka-python.
HEROKU_VARIABLES = {
    'KAFKA_URL': 'bootstrap_servers',
    'KAFKA_TRUSTED_CERT': 'ssl_cafile',
    'KAFKA_CLIENT_CERT': 'ssl_certfile',
    'KAFKA_CLIENT_CERT_KEY': 'ssl_keyfile',
}


def apply_kafka_url(options: dict[str, Any]) -> None:
    """Turn the addresses of ``KAFKA_URL`` into bootstrap servers, in place.

    Args:
        options: kafka-python options, with ``'kafka+ssl://a:9096,kafka+ssl://b:9096'`` as
            ``bootstrap_servers``. ``security_protocol`` and ``ssl_check_hostname`` are added if
            they are missing.

    Raises:
        SettingsError: an address has no scheme, another one, or they differ.

    >>> options = {'bootstrap_servers': 'kafka+ssl://one.example:9096'}
    >>> apply_kafka_url(options)
    >>> options['bootstrap_servers'], options['security_protocol']
    ('one.example:9096', 'SSL')
    """
    urls = [url.strip() for url in options['bootstrap_servers'].split(',')]
    schemes = set()
    servers = []
    for url in urls:
        scheme, _, server = url.partition('://')
        schemes.add(scheme)
        servers.append(server)
    if schemes not in ({'kafka'}, {'kafka+ssl'}):
        shown = ','.join(mask_user_info(url) for url in urls)
        raise SettingsError(
            f'KAFKA_URL={shown!r} must be a list of kafka+ssl://host:port. '
            'For plain host:port use KAFKA_BOOTSTRAP_SERVERS.'
        )
    options['bootstrap_servers'] = ','.join(servers)
    options.setdefault('security_protocol', 'SSL' if 'kafka+ssl' in schemes else 'PLAINTEXT')
    options.setdefault('ssl_check_hostname', False)
