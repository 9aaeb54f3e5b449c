"""Which security options fit together (used by `settings`).

Kafka knows four security protocols: PLAINTEXT, SSL (that is TLS), SASL_PLAINTEXT and SASL_SSL. TLS
encrypts and needs certificates; SASL is the login and needs credentials.

The one idea to take away: encryption and login are two questions, and a listener asks both at once.
"""

from collections.abc import Mapping
from typing import Any

from errors import SettingsError

__all__ = ['complete_security_options']

TLS_OPTIONS = ('ssl_cafile', 'ssl_certfile', 'ssl_keyfile', 'ssl_password', 'ssl_crlfile')
SASL_OPTIONS = (
    'sasl_mechanism',
    'sasl_plain_username',
    'sasl_plain_password',
    'sasl_oauth_token_provider',
)
MECHANISM_NEEDS = {
    'PLAIN': ('sasl_plain_username', 'sasl_plain_password'),
    'SCRAM-SHA-256': ('sasl_plain_username', 'sasl_plain_password'),
    'SCRAM-SHA-512': ('sasl_plain_username', 'sasl_plain_password'),
    'OAUTHBEARER': ('sasl_oauth_token_provider',),
}


def complete_security_options(options: dict[str, Any], names: Mapping[str, str]) -> None:
    """Fill in ``security_protocol`` where only one makes sense, and refuse contradictions.

    Args:
        options: kafka-python options; ``security_protocol`` is added if it is missing.
        names: for each option the variable that it came from, for the error.

    Raises:
        SettingsError: names the variables that do not fit together, or the one that is missing.
    """
    tls = [names[option] for option in TLS_OPTIONS if options.get(option)]
    sasl = [names[option] for option in SASL_OPTIONS if options.get(option)]
    name = names['security_protocol']
    if 'security_protocol' not in options:
        options['security_protocol'] = _choose_protocol(name, tls, sasl)
    protocol = options['security_protocol']
    if tls and not protocol.endswith('SSL'):
        better = 'SASL_SSL' if sasl else 'SSL'
        raise SettingsError(
            f'{name}={protocol} and {tls[0]} contradict each other: certificates need TLS. '
            f'Set {name}={better}, or remove {tls[0]}.'
        )
    if protocol.startswith('SASL'):
        _require_credentials(options, names)
    elif sasl:
        better = 'SASL_SSL' if protocol == 'SSL' else 'SASL_SSL or SASL_PLAINTEXT'
        raise SettingsError(
            f'{name}={protocol} and {sasl[0]} contradict each other: {protocol} has no login. '
            f'Set {name}={better}, or remove {sasl[0]}.'
        )


def _choose_protocol(name: str, tls: list[str], sasl: list[str]) -> str:
    if sasl and not tls:
        raise SettingsError(
            f'{sasl[0]} is set, but not whether the connection is encrypted. '
            f'Set {name}=SASL_SSL (managed clusters) or SASL_PLAINTEXT (only on your own network).'
        )
    if sasl:
        return 'SASL_SSL'
    return 'SSL' if tls else 'PLAINTEXT'


def _require_credentials(options: Mapping[str, Any], names: Mapping[str, str]) -> None:
    mechanism = options.get('sasl_mechanism')
    if mechanism is None:
        raise SettingsError(
            f'{names["security_protocol"]}={options["security_protocol"]} needs '
            f'{names["sasl_mechanism"]}: {", ".join(MECHANISM_NEEDS)}. '
            "Your cluster's page says which."
        )
    for option in MECHANISM_NEEDS.get(mechanism, ()):
        if not options.get(option):
            raise SettingsError(
                f'{names["sasl_mechanism"]}={mechanism} needs {names[option]}, which is not set.'
            )
