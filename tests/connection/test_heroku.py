"""Heroku's variables, taken as they are."""

import ssl
from collections.abc import Callable

import settings

Use = Callable[[dict[str, str]], None]


def test_herokus_variables_work_as_they_stand(environment: Use, pems: dict[str, str]) -> None:
    """KAFKA_URL and the three PEM texts are enough.

    The CA is checked, the host name is not, with these variables only.
    """
    environment(
        {
            'TRUSTED_CERT': pems['ca'],
            'CLIENT_CERT': pems['certificate'],
            'CLIENT_CERT_KEY': pems['key'],
            'PREFIX': 'river-1.',
        }
    )
    environment({'URL': 'kafka+ssl://one.example:9096,kafka+ssl://two.example:9096'})
    options = settings.client_options('consumer')
    assert options['bootstrap_servers'] == 'one.example:9096,two.example:9096'
    assert (options['ssl_context'].check_hostname, options['ssl_context'].verify_mode) == (
        False,
        ssl.CERT_REQUIRED,
    )
    assert (settings.topic_name('alerts'), settings.group_name('river-1.mine')) == (
        'river-1.alerts',
        'river-1.mine',
    )
    assert not {'ssl_certfile', 'ssl_keyfile', 'ssl_cafile'} & options.keys()
