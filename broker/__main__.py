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
from errors import BrokerError
from schemas import show

__all__ = ['main']


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
        made = Broker(
            options.brokers,
            options.secure,
            port=options.port,
            data=options.data,
            open_tls=options.open_tls,
        )
        with made as kafka:
            seconds = time.monotonic() - began
            show(console.welcome(kafka.env(), options.data, seconds))
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
    return parser


def _handle_signals() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if hasattr(signal, 'SIGTTIN'):
        # `python -m broker &` is not stopped because it reads from the terminal.
        signal.signal(signal.SIGTTIN, signal.SIG_IGN)


if __name__ == '__main__':
    sys.exit(main())
