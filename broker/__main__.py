"""The command line of the broker: ``python -m broker`` runs a Kafka until Ctrl-C.

Used in step 0. The one idea to take away: Kafka is a program like any other; it runs in a terminal,
and it keeps its messages when it ends.
"""

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Sequence

from broker import Broker, console
from broker.remote import Remote
from connection.addresses import address_of_this_machine
from errors import BrokerError
from schemas import show

__all__ = ['main']

THIS_MACHINE = 'this machine'


def main(arguments: Sequence[str] | None = None) -> int:
    """Run Kafka in the foreground until Ctrl-C: ``python -m broker --help`` lists the options.

    Args:
        arguments: by default those of the command line.

    Returns:
        The exit code: 1 if Kafka could not be started, or ended by itself.
    """
    options = _parser().parse_args(arguments)
    _handle_signals()
    began = time.monotonic()
    try:
        with Broker(
            options.brokers,
            options.secure,
            classroom=_class_address(options.classroom),
            port=options.port,
            data=options.data,
            open_tls=options.open_tls,
        ) as kafka:
            show(_welcome(kafka, options.data, time.monotonic() - began))
            addresses = kafka.bootstrap_servers.split(',')
            assert kafka.data
            with contextlib.closing(Remote(kafka.data, addresses)) as remote:
                console.run(kafka, remote=remote)
    except BrokerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    print('Kafka has ended. Its messages are kept.')
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        'python -m broker', description='A real Apache Kafka on this machine, until Ctrl-C.'
    )
    parser.add_argument(
        '--port',
        type=int,
        default=console.DEFAULT_PORT,
        help='the port of the (first) broker (%(default)s)',
    )
    parser.add_argument(
        '--data',
        default='.kafka',
        metavar='FOLDER',
        help='where the messages are kept (%(default)s)',
    )
    parser.add_argument(
        '--brokers',
        type=int,
        default=1,
        metavar='N',
        help='how many brokers; 3 make a cluster (%(default)s)',
    )
    parser.add_argument(
        '--secure',
        action='store_true',
        help='ask clients for passwords and certificates, all made up',
    )
    parser.add_argument(
        '--open-tls',
        action='store_true',
        help="with --secure: let everybody do everything at the listener 'tls', which asks for no "
        'login',
    )
    parser.add_argument(
        '--classroom',
        nargs='?',
        const=THIS_MACHINE,
        default='',
        metavar='ADDRESS',
        help='let a class in, over TLS, each learner with a password of their own; '
        "ADDRESS is this machine's in the network of the class, if it has several",
    )
    return parser


def _class_address(wanted: str) -> str:
    """The address at which a class reaches this machine; '' without a class."""
    return address_of_this_machine() if wanted == THIS_MACHINE else wanted


def _welcome(kafka: Broker, data: str, seconds: float) -> str:
    settings = kafka.env()
    if not kafka.enrolment or not kafka.credentials:
        return console.welcome(settings, data, seconds)
    env_file = kafka.credentials.folder / 'teacher.env'
    env_file.touch(mode=0o600)
    env_file.write_text(console.export_lines(settings), encoding='utf-8')
    servers = settings['KAFKA_BOOTSTRAP_SERVERS']
    return console.welcome_class(kafka.enrolment, servers, str(env_file), seconds)


def _handle_signals() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if hasattr(signal, 'SIGTTIN'):
        # `python -m broker &` is not stopped because it reads from the terminal.
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)


if __name__ == '__main__':
    sys.exit(main())
