"""The folder that keeps a Kafka's data: made before the first start, and checked before each.

Used in step 0. The folder of a cluster holds one folder a node (``node-1``, ...), and, if it is a
secure one, the users' credentials. All of it is made at once, or nothing.

The one idea to take away: a Kafka node learns from its folder who it is. So the folder is made
("formatted") before the first start, and two brokers never share one.
"""

import base64
import contextlib
import shutil
import subprocess
import tempfile
import threading
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from broker import jvm, users
from broker.file_locks import try_lock
from broker.installation import Installation
from broker.server_properties import server_properties, write_private, write_properties
from broker.users import Credentials
from errors import BrokerError

__all__ = [
    'damaged',
    'format_template',
    'in_use',
    'locked',
    'new_id',
    'node_folder',
    'prepare',
]

PRIVATE = 0o700  # messages are nobody else's business
DEFAULT_NAME = '.kafka'  # of the folder that is ours as a whole
META = 'meta.properties'
METADATA_LOG = '__cluster_metadata-0'
SCRAM_MECHANISMS = ('SCRAM-SHA-256', 'SCRAM-SHA-512')
# By default a broker that was killed leaves the in-sync replicas, lest it had lost what was not yet
# on its disk (KIP-966, eligible leader replicas). On one machine a kill loses nothing: the system
# still has it. And where all were killed, partitions would wait until the very last is back.
KILLED_BROKERS_KEEP_THEIR_PLACE = ['--feature', 'eligible.leader.replicas.version=0']
FORMAT_TIMEOUT = 120.0  # seconds

# A lock on a file keeps other processes out, but not the other brokers of this one. (And closing
# the file anywhere in this process would give the lock back, so it is not even opened twice.)
_LOCKED_HERE: set[Path] = set()
_ONE_AT_A_TIME = threading.Lock()


def new_id() -> str:
    """A random id as Kafka makes them: 22 characters of URL-safe base 64.

    It never begins with ``-``, which Kafka's command line would take for an option.
    """
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip('=')
        if not text.startswith('-'):
            return text


def node_folder(folder: Path, node: int) -> Path:
    """Where one node keeps its data, within the folder of its cluster."""
    return folder / f'node-{node}'


def format_template(installation: Installation) -> None:
    """Format one data folder, to be copied for every new broker: a second less than formatting.

    Raises:
        BrokerError: Kafka could not format it.
    """
    _format(installation, installation.template, [])


def _format(installation: Installation, target: Path, options: Sequence[str]) -> None:
    """Have Kafka's own tool format a data folder; ``options`` are the tool's."""
    with tempfile.TemporaryDirectory(prefix='kafka-workshop-') as temporary:
        work = Path(temporary)
        formatted = node_folder(work, 1)
        no_clients = {
            'process.roles': 'controller',
            'controller.quorum.voters': '1@localhost:1',
            'listeners': 'CONTROLLER://localhost:1',
            'controller.listener.names': 'CONTROLLER',
        }
        write_properties(work / 'server.properties', server_properties(1, formatted, 1, no_clients))
        # Any user of this machine can read a command line, so the passwords are in a file.
        tool = ['kafka.tools.StorageTool', 'format', '-t', new_id(), '-c', 'server.properties']
        arguments = [*tool, *options]
        write_private(work / 'arguments', ''.join(f'"{word}"\n' for word in arguments))
        run = subprocess.run(
            installation.command('@arguments'),
            check=False,
            cwd=work,
            env=jvm.java_environment(),
            capture_output=True,
            text=True,
            errors='replace',
            timeout=FORMAT_TIMEOUT,
        )
        if run.returncode:
            raise BrokerError(f'Kafka could not format a data folder: {run.stderr.strip()[-1000:]}')
        shutil.copytree(formatted, target)


def _scram_options(credentials: Credentials) -> list[str]:
    """The users who may log in by SCRAM."""
    options = []
    for user, password in credentials.passwords.items():
        for mechanism in SCRAM_MECHANISMS:
            options += ['--add-scram', f'{mechanism}=[name={user},password={password}]']
    return options


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep a data folder for one broker, from before it is checked until its processes have ended.

    Raises:
        BrokerError: another broker has it, or it cannot be used.
    """
    if ',' in str(folder):
        raise BrokerError(
            f'The data folder {folder} has a comma in its name, '
            'but a comma separates folders in log.dirs. Name another folder.'
        )
    with _ONE_AT_A_TIME:
        if folder in _LOCKED_HERE:
            raise in_use(folder)
        _LOCKED_HERE.add(folder)
    try:
        with _open_lock_file(folder) as file:
            if not try_lock(file.fileno()):
                raise in_use(folder)
            yield
    finally:
        _LOCKED_HERE.discard(folder)


def _open_lock_file(folder: Path) -> IO[str]:
    try:
        folder.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        return folder.with_suffix('.lock').open('a')
    except OSError as error:
        raise _unusable(folder, error) from error


def prepare(
    folder: Path, installation: Installation, nodes: Sequence[int], secure: bool
) -> Credentials | None:
    """Make the data folder of a cluster, or check that the one that is there can be used.

    Args:
        folder: where it is.
        installation: Kafka on this machine.
        nodes: the numbers of the cluster's nodes.
        secure: whether there are users.

    Returns:
        The users' credentials, if there are any.

    Raises:
        BrokerError: the folder is damaged, in use by a running broker, or cannot be written.
    """
    try:
        if not folder.exists() or not any(folder.iterdir()):
            _make(folder, installation, nodes, secure)
        _check(folder, nodes)
        for ours in (folder, *([folder.parent] if folder.parent.name == DEFAULT_NAME else [])):
            ours.chmod(PRIVATE)  # also what an earlier version has made
    except OSError as error:
        raise _unusable(folder, error) from error
    if not secure:
        return None
    try:
        return users.load(_credentials_folder(folder))
    except BrokerError as error:
        raise damaged(folder, str(error)) from error


def _make(folder: Path, installation: Installation, nodes: Sequence[int], secure: bool) -> None:
    """Make the folder under a temporary name and rename it at the end: it is whole or not there."""
    folder.parent.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
    cluster_id = new_id()
    with tempfile.TemporaryDirectory(prefix=f'{folder.name}-draft-', dir=folder.parent) as draft:
        made = Path(draft) / folder.name
        options = _scram_options(users.create(_credentials_folder(made))) if secure else []
        if len(nodes) > 1:
            options += KILLED_BROKERS_KEEP_THEIR_PLACE
        template = installation.template
        if options:
            template = Path(draft) / 'template'
            _format(installation, template, options)
        for node in nodes:
            shutil.copytree(template, node_folder(made, node))
            meta = f'version=1\ncluster.id={cluster_id}\nnode.id={node}\ndirectory.id={new_id()}\n'
            (node_folder(made, node) / META).write_text(meta, encoding='ascii')
        if folder.exists():
            folder.rmdir()
        made.chmod(PRIVATE)
        made.rename(folder)


def _credentials_folder(folder: Path) -> Path:
    """Where the users' credentials are, within the folder of their cluster."""
    earlier_name = folder / 'passes'  # data made before the folder was renamed
    return earlier_name if earlier_name.is_dir() else folder / 'credentials'


def _check(folder: Path, nodes: Sequence[int]) -> None:
    """Check that the nodes' folders are whole, of one cluster, and not in use."""
    cluster_ids = {_cluster_id(folder, node) for node in nodes}
    if len(cluster_ids) > 1:
        listed = ', '.join(sorted(cluster_ids))
        raise damaged(folder, f'its nodes belong to different clusters: {listed}')
    for node in nodes:
        kafkas_own_lock = node_folder(folder, node) / '.lock'
        if kafkas_own_lock.exists():
            with kafkas_own_lock.open('r+b') as file:
                if not try_lock(file.fileno()):
                    raise in_use(folder)


def _cluster_id(folder: Path, node: int) -> str:
    """The cluster that a node belongs to, as Kafka wrote it into the node's folder."""
    own = node_folder(folder, node)
    if not (own / META).is_file():
        raise damaged(folder, f'{own.name}/{META} is missing')
    if not (own / METADATA_LOG).is_dir():
        raise damaged(folder, f'{own.name}/{METADATA_LOG} is missing')
    meta = {}
    for line in (own / META).read_text(encoding='utf-8', errors='replace').splitlines():
        name, equals, value = line.partition('=')
        if equals and not line.startswith('#'):
            meta[name] = value
    cluster_id = meta.get('cluster.id', '')
    if meta.get('node.id') != str(node) or len(cluster_id) < 10 or 'version' not in meta:
        raise damaged(folder, f'{own / META} is no longer what Kafka wrote there')
    return cluster_id


def in_use(folder: Path) -> BrokerError:
    """The error about a folder that another broker uses."""
    return BrokerError(
        f'The data folder {folder} is in use by another broker, which is still running or just '
        'ending (Kafka: failed to acquire lock on file .lock). '
        'Use that broker, or end it first, or name another folder: python -m broker --data FOLDER'
    )


def damaged(folder: Path, why: str) -> BrokerError:
    """The error about a folder from which no broker can start."""
    return BrokerError(
        f'The data folder {folder} is damaged or half-written ({why}). '
        'Move it away to keep what is in it, or delete it (its messages go with it); '
        'the next start makes a new one.'
    )


def _unusable(folder: Path, error: OSError) -> BrokerError:
    return BrokerError(
        f'The data folder {folder} cannot be used: {error}. '
        'Put that right, or name another folder: python -m broker --data FOLDER'
    )
