"""The listeners of a broker: what each asks of a client, and what a client has to say there.

Used in step 0. An open broker has one listener; ``--secure`` has one for each way of logging in.

The one idea to take away: a Kafka client connects to one address and is then told where the brokers
are. So a broker has to know, and advertise, the addresses at which its clients reach it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from broker.ports import CONTROLLER, HOST, INTER_BROKER, PortTable, require_own_address
from broker.users import BROKERS, TEACHER, USERS, Credentials
from errors import BrokerError

__all__ = [
    'OPEN',
    'SECURE',
    'Listener',
    'chosen',
    'classroom',
    'client_settings',
    'listener_properties',
]

LOGIN_MODULES = 'org.apache.kafka.common.security'
AUTHORIZER = 'org.apache.kafka.metadata.authorizer.StandardAuthorizer'
HEROKU = 'heroku'  # the listener 'wrong-name', its settings given as Heroku gives them
WRONG_NAME = 'wrong-name'


@dataclass(frozen=True)
class Listener:
    """What a broker asks at one of its ports.

    Args:
        protocol: Kafka's name for it: ``'PLAINTEXT'``, ``'SSL'``, ``'SASL_SSL'`` or
            ``'SASL_PLAINTEXT'``.
        mechanism: of SASL, how a password is shown: ``'PLAIN'``, ``'SCRAM-SHA-256'`` or
            ``'SCRAM-SHA-512'``; ``''`` where no password is asked for.
        client_certificate: whether a client must show a certificate of its own (mutual TLS).
        right_name: whether the broker's certificate carries the name of this machine.
        address: where the broker listens, and where its clients are told to look for it.
    """

    protocol: str
    mechanism: str = ''
    client_certificate: bool = False
    right_name: bool = True
    address: str = HOST

    @property
    def tls(self) -> bool:
        """Whether the connection is encrypted, and the broker shows a certificate."""
        return self.protocol.endswith('SSL')


OPEN = {'plaintext': Listener('PLAINTEXT')}
SECURE = {
    'scram512': Listener('SASL_SSL', 'SCRAM-SHA-512'),
    'scram256': Listener('SASL_SSL', 'SCRAM-SHA-256'),
    'plain': Listener('SASL_SSL', 'PLAIN'),
    'tls': Listener('SSL'),
    'mtls': Listener('SSL', client_certificate=True),
    WRONG_NAME: Listener('SSL', client_certificate=True, right_name=False),
    'sasl-plaintext': Listener('SASL_PLAINTEXT', 'SCRAM-SHA-512'),
}


def classroom(address: str) -> dict[str, Listener]:
    """The one listener of a class: the local network comes in by it, with passwords, over TLS.

    Args:
        address: of this machine in that network, ``'192.168.1.7'``.

    Raises:
        BrokerError: it is not one of this machine.
    """
    require_own_address(address)
    return {'classroom': Listener('SASL_SSL', 'SCRAM-SHA-512', address=address)}


def chosen(secure: bool, classroom_address: str) -> Mapping[str, Listener]:
    """The listeners of an open broker, of a secure one, or of one for a class."""
    if classroom_address:
        return classroom(classroom_address)
    return SECURE if secure else OPEN


def listener_properties(
    node: int,
    listeners: Mapping[str, Listener],
    ports: PortTable,
    credentials: Credentials | None,
    open_tls: bool = False,
) -> dict[str, str]:
    """The part of ``server.properties`` that is about the listeners of one node.

    Args:
        node: its number.
        listeners: those for clients, by name.
        ports: the port of each node at each listener.
        credentials: of a secure broker; None for an open one.
        open_tls: whether who comes in without a name may do everything.
    """
    every = _with_internal(listeners, secure=credentials is not None)
    addresses = {
        name: f'{_id(name)}://{listener.address}:{ports[name][node]}'
        for name, listener in every.items()
    }
    advertised = [address for name, address in addresses.items() if name != CONTROLLER]
    protocols = [f'{_id(name)}:{listener.protocol}' for name, listener in every.items()]
    voters = [f'{voter}@{HOST}:{port}' for voter, port in ports[CONTROLLER].items()]
    between_brokers = INTER_BROKER if credentials else next(iter(listeners))
    properties = {
        'controller.quorum.voters': ','.join(voters),
        'listeners': ','.join(addresses.values()),
        'advertised.listeners': ','.join(advertised),
        'listener.security.protocol.map': ','.join(protocols),
        'controller.listener.names': _id(CONTROLLER),
        'inter.broker.listener.name': _id(between_brokers),
    }
    if credentials:
        anonymous = open_tls and 'tls' in listeners
        properties |= _security_properties(credentials, anonymous=anonymous)
        for name, listener in every.items():
            for option, value in _requirements(name, listener, credentials).items():
                properties[f'listener.name.{_id(name).lower()}.{option}'] = value
    return properties


def _with_internal(listeners: Mapping[str, Listener], secure: bool) -> dict[str, Listener]:
    """The listeners for clients, and those that the brokers use among themselves."""
    every = dict(listeners)
    if secure:
        every[INTER_BROKER] = Listener('SASL_PLAINTEXT', 'PLAIN')
        every[CONTROLLER] = Listener('SASL_PLAINTEXT', 'PLAIN')
    else:  # the brokers use the clients' listener
        every[CONTROLLER] = Listener('PLAINTEXT')
    return every


def _id(name: str) -> str:
    """A listener's name in ``server.properties``: ``'SASLPLAINTEXT'`` for ``'sasl-plaintext'``."""
    return name.replace('-', '').upper()


def _security_properties(credentials: Credentials, *, anonymous: bool) -> dict[str, str]:
    """What holds at all listeners of a secure broker.

    Args:
        credentials: of its users.
        anonymous: whether who comes in without a name may do everything: by the listener 'tls'
            one does, and Kafka calls them ANONYMOUS.
    """
    super_users = [f'User:{name}' for name in (BROKERS, TEACHER, *['ANONYMOUS'] * anonymous)]
    return {
        'sasl.mechanism.inter.broker.protocol': 'PLAIN',
        'sasl.mechanism.controller.protocol': 'PLAIN',
        'authorizer.class.name': AUTHORIZER,
        'super.users': ';'.join(super_users),
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': str(credentials.ca),
        'ssl.keystore.type': 'PEM',
    }


def _requirements(name: str, listener: Listener, credentials: Credentials) -> dict[str, str]:
    """What one listener of a secure broker asks, as properties of that listener."""
    properties = {}
    if listener.tls:
        properties['ssl.keystore.location'] = str(credentials.server(listener.right_name))
    if listener.client_certificate:
        properties['ssl.client.auth'] = 'required'
        # The user is the common name of the certificate, not its whole subject.
        properties['ssl.principal.mapping.rules'] = 'RULE:.*CN=([^,]+).*/$1/,DEFAULT'
    if listener.mechanism:
        properties['sasl.enabled.mechanisms'] = listener.mechanism
        if listener.mechanism == 'PLAIN':
            login = _plain_login(USERS if name in SECURE else (BROKERS,), credentials)
        else:  # the passwords for SCRAM are in the data folder
            login = f'{LOGIN_MODULES}.scram.ScramLoginModule required;'
        properties[f'{listener.mechanism.lower()}.sasl.jaas.config'] = login
    return properties


def _plain_login(users: tuple[str, ...], credentials: Credentials) -> str:
    """Who may log in by a password as it stands; the broker itself does so as the first of them."""
    itself = f'username="{users[0]}" password="{credentials.passwords[users[0]]}"'
    known = ' '.join(f'user_{user}="{credentials.passwords[user]}"' for user in users)
    return f'{LOGIN_MODULES}.plain.PlainLoginModule required {itself} {known};'


def client_settings(
    name: str,
    user: str,
    listeners: Mapping[str, Listener],
    ports: PortTable,
    credentials: Credentials | None,
) -> dict[str, str]:
    """What a client has to say at a listener: ``{'KAFKA_BOOTSTRAP_SERVERS': '127.0.0.1:9092'}``.

    Args:
        name: of the listener, or ``'heroku'``; see ``Broker.env``.
        user: ``'teacher'`` or ``'visitor'``.
        listeners: those for clients, by name.
        ports: the port of each node at each listener.
        credentials: of a secure broker; None for an open one.

    Raises:
        BrokerError: there is no such listener or user.
    """
    listener = WRONG_NAME if name == HEROKU else name
    if listener not in listeners:
        raise BrokerError(
            f'There is no listener {name!r} here. Say one of: {", ".join(listeners)}.'
        )
    if user not in USERS:
        raise BrokerError(f'There is no user {user!r}. Say one of: {", ".join(USERS)}.')
    address = listeners[listener].address
    servers = [f'{address}:{port}' for port in ports[listener].values()]
    if credentials and name == HEROKU:
        return _heroku_settings(servers, user, credentials)
    settings = {'KAFKA_BOOTSTRAP_SERVERS': ','.join(servers)}
    if credentials:
        settings |= _security_settings(listeners[listener], user, credentials)
    return settings


def _security_settings(listener: Listener, user: str, credentials: Credentials) -> dict[str, str]:
    settings = {'KAFKA_SECURITY_PROTOCOL': listener.protocol}
    if listener.tls:
        settings['KAFKA_SSL_CAFILE'] = str(credentials.ca)
    if listener.client_certificate:
        settings['KAFKA_SSL_CERTFILE'] = str(credentials.certificate(user))
        settings['KAFKA_SSL_KEYFILE'] = str(credentials.key(user))
    if listener.mechanism:
        settings['KAFKA_SASL_MECHANISM'] = listener.mechanism
        settings['KAFKA_SASL_PLAIN_USERNAME'] = user
        settings['KAFKA_SASL_PLAIN_PASSWORD'] = credentials.passwords[user]
    return settings


def _heroku_settings(servers: list[str], user: str, credentials: Credentials) -> dict[str, str]:
    """The variables of Heroku's Kafka add-on, which carry the certificates themselves."""
    return {
        'KAFKA_URL': ','.join(f'kafka+ssl://{server}' for server in servers),
        'KAFKA_TRUSTED_CERT': credentials.ca.read_text(encoding='ascii'),
        'KAFKA_CLIENT_CERT': credentials.certificate(user).read_text(encoding='ascii'),
        'KAFKA_CLIENT_CERT_KEY': credentials.key(user).read_text(encoding='ascii'),
    }
