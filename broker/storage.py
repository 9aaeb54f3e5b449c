"""The folder that keeps a Kafka's data: made from a template, and looked at before a broker starts on it.

Used by ``broker.py``. The one idea to take away: a Kafka node finds out from its folder who it is, so the folder is made ("formatted")
before the first start, and two nodes never share one.
"""

import base64
import contextlib
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from broker import jvm, users
from broker.users import Passes
from errors import BrokerError

__all__ = [
    'damaged',
    'in_use',
    'make_template',
    'new_id',
    'node_folder',
    'prepare',
    'properties',
    'taken',
    'write_properties',
]

META = 'meta.properties'
METADATA_LOG = '__cluster_metadata-0'
PASSES = 'passes'
ARGUMENTS = 'arguments'
_TAKEN: dict[
    Path, object
] = {}  # a lock on a file holds other processes back, not this one's own brokers
INTERNAL_TOPICS = ('offsets.topic', 'transaction.state.log', 'share.coordinator.state.topic')

# What a small Kafka for learning has otherwise than Kafka by default, which is in the comments.
QUICK = {
    'group.initial.rebalance.delay.ms': '0',  # Kafka waits 3 s for more members of a new group
    'group.min.session.timeout.ms': '500',  # 6 s: too long to watch a member die
    'group.consumer.min.session.timeout.ms': '500',
    'group.consumer.min.heartbeat.interval.ms': '100',
    'broker.heartbeat.interval.ms': '500',
    'num.partitions': '1',  # Kafka's own default, said aloud: a topic that is made by its first message has one partition
    'auto.create.topics.enable': 'true',
    'offsets.topic.num.partitions': '4',  # 50
    'transaction.state.log.num.partitions': '4',  # 50
    'share.coordinator.state.topic.num.partitions': '4',  # 50
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': '1000',  # 10 s
    'log.cleaner.dedupe.buffer.size': '4194304',  # 128 MiB of memory
    'num.network.threads': '2',
    'num.io.threads': '4',
}


def new_id() -> str:
    """A random id as Kafka writes them: 22 letters, never '-' first (a command line would take it for an option)."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip('=')).startswith(
        '-'
    ):
        pass
    return text


def node_folder(folder: Path, node: int) -> Path:
    """Where one node keeps its data within the folder of its cluster."""
    return folder / f'node-{node}'


def properties(node: int, folder: Path, nodes: int, extra: Mapping[str, str]) -> dict[str, str]:
    """The part of ``server.properties`` that is not about the doors of a node.

    Args:
        node: its number, from 1.
        folder: the folder of its cluster.
        nodes: how many there are.
        extra: broker properties that win over ours, ``{'num.partitions': '3'}``.
    """
    copies = min(3, nodes)
    return {
        'process.roles': 'broker,controller',
        'node.id': str(node),
        'log.dirs': str(node_folder(folder, node)),
        # 9 s until a dead broker's partitions get another leader, or until a killed one is let in again
        'broker.session.timeout.ms': '4000' if nodes > 1 else '2000',
        'default.replication.factor': str(copies),
        'min.insync.replicas': str(max(1, copies - 1)),
        **{f'{topic}.replication.factor': str(copies) for topic in INTERNAL_TOPICS},
        **{f'{topic}.min.isr': str(max(1, copies - 1)) for topic in INTERNAL_TOPICS[1:]},
        **QUICK,
        **extra,
    }


def write_properties(path: Path, values: Mapping[str, str]) -> None:
    """Write a ``server.properties``, for this user only: it may hold passwords."""
    _write_privately(
        path, ''.join(f'{name}={value}\n' for name, value in values.items()).replace('\\', '\\\\')
    )


def _write_privately(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(''.join(map(_spelt_for_java, text)), encoding='ascii')


def _spelt_for_java(character: str) -> str:
    """Java reads such files as Latin-1; all that is beyond ASCII is written as UTF-16 in hex, with a backslash and u in front."""
    units = character.encode('utf-16-be').hex()
    return (
        character
        if character.isascii()
        else ''.join(f'\\u{units[i : i + 4]}' for i in range(0, len(units), 4))
    )


def make_template(installation: jvm.Installation) -> None:
    """Format one data folder, to be copied for every new broker."""
    _format(installation, installation.template, None)


def _format(installation: jvm.Installation, target: Path, users: Passes | None) -> None:
    """Have Kafka's own tool make a data folder. Who may log in by SCRAM is written there too."""
    with tempfile.TemporaryDirectory(prefix='kafka-workshop-') as temporary:
        settings = Path(temporary) / 'server.properties'
        doors = {
            'controller.quorum.voters': '1@localhost:1',
            'listeners': 'CONTROLLER://localhost:1',
            'controller.listener.names': 'CONTROLLER',
        }
        write_properties(
            settings, properties(1, Path(temporary), 1, doors) | {'process.roles': 'controller'}
        )
        words = ['kafka.tools.StorageTool', 'format', '-t', new_id(), '-c', settings.name]
        for user, password in users.passwords.items() if users else ():
            for mechanism in ('SCRAM-SHA-256', 'SCRAM-SHA-512'):
                words += ['--add-scram', f'{mechanism}=[name={user},password={password}]']
        _write_privately(
            Path(temporary) / ARGUMENTS, ''.join(f'"{word}"\n' for word in words)
        )  # a command line is for all to see
        run = subprocess.run(
            installation.command(f'@{ARGUMENTS}'),
            check=False,
            cwd=temporary,
            env=jvm.environment(),
            capture_output=True,
            text=True,
            errors='replace',
            timeout=120,
        )
        if run.returncode:
            raise BrokerError(f'Kafka could not format a data folder: {run.stderr.strip()[-1000:]}')
        shutil.copytree(node_folder(Path(temporary), 1), target)


@contextlib.contextmanager
def taken(folder: Path) -> Iterator[None]:
    """Hold a data folder for one broker, from before it is looked at until its processes have ended.

    Raises:
        BrokerError: another broker holds it, or it cannot be used.
    """
    if ',' in str(folder):
        raise BrokerError(
            f'The data folder {folder} has a comma in its name, which separates folders for Kafka. Name another one.'
        )
    with contextlib.ExitStack() as stack:
        if _TAKEN.setdefault(folder, stack) is not stack:
            raise BrokerError(in_use(folder))
        stack.callback(_TAKEN.pop, folder)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            if not jvm.try_lock(
                stack.enter_context(folder.with_suffix('.lock').open('a')).fileno()
            ):
                raise BrokerError(in_use(folder))
        except OSError as error:
            raise BrokerError(unusable(folder, error)) from error
        yield


def prepare(
    folder: Path, installation: jvm.Installation, nodes: Sequence[int], secure: bool
) -> Passes | None:
    """Make the data folder of a cluster, all of it or nothing; or look whether the one that is there can be used.

    Args:
        folder: where it is to be.
        installation: Kafka on this machine.
        nodes: the numbers of its nodes.
        secure: whether there are users.

    Returns:
        the users' passwords and certificates, if there are any.

    Raises:
        BrokerError: the folder is damaged, in use by a running broker, or cannot be written.
    """
    try:
        if not folder.exists() or not any(folder.iterdir()):
            _make(folder, installation, nodes, secure)
        clusters = {_cluster_id(folder, node) for node in nodes}
        if len(clusters) > 1:
            raise BrokerError(
                damaged(
                    folder, f'its nodes belong to different clusters: {", ".join(sorted(clusters))}'
                )
            )
        for node in nodes:
            _refuse_if_in_use(node_folder(folder, node))
    except OSError as error:
        raise BrokerError(unusable(folder, error)) from error
    if not secure:
        return None
    try:
        return users.load(folder / PASSES)
    except BrokerError as error:
        raise BrokerError(damaged(folder, str(error))) from error


def _make(folder: Path, installation: jvm.Installation, nodes: Sequence[int], secure: bool) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    cluster = new_id()
    with tempfile.TemporaryDirectory(prefix=f'{folder.name}-draft-', dir=folder.parent) as draft:
        made = Path(draft) / folder.name
        template = installation.template
        if secure:
            template = Path(draft) / 'template'
            _format(installation, template, users.make(made / PASSES))
        for node in nodes:
            shutil.copytree(template, node_folder(made, node))
            meta = f'version=1\ncluster.id={cluster}\nnode.id={node}\ndirectory.id={new_id()}\n'
            (node_folder(made, node) / META).write_text(meta, encoding='ascii')
        if folder.exists():
            folder.rmdir()
        made.rename(folder)


def _cluster_id(folder: Path, node: int) -> str:
    path = node_folder(folder, node) / META
    if not path.is_file() or not (path.parent / METADATA_LOG).is_dir():
        missing = path.name if not path.is_file() else METADATA_LOG
        raise BrokerError(damaged(folder, f'node-{node}/{missing} is missing'))
    lines = path.read_text(encoding='utf-8', errors='replace').splitlines()
    meta = dict(line.split('=', 1) for line in lines if '=' in line and not line.startswith('#'))
    if (
        meta.get('node.id') != str(node)
        or len(meta.get('cluster.id', '')) < 10
        or 'version' not in meta
    ):
        raise BrokerError(damaged(folder, f'{path} is no longer what Kafka wrote there'))
    return meta['cluster.id']


def _refuse_if_in_use(folder: Path) -> None:
    lock = folder / '.lock'  # held by Kafka itself while it runs
    if lock.exists():
        with lock.open('r+b') as file:
            if not jvm.try_lock(file.fileno()):
                raise BrokerError(in_use(folder.parent))


def unusable(folder: Path, why: OSError) -> str:
    """The message about a folder that cannot be read or written."""
    return f'The data folder {folder} cannot be used: {why}. Mend that, or name another folder: python -m broker --data FOLDER'


def in_use(folder: Path) -> str:
    """The message about a folder that another broker uses."""
    return (
        f'The data folder {folder} is in use by another broker that is still running (or just ending). '
        'Use that one, or end it first, or name another folder: python -m broker --data FOLDER'
    )


def damaged(folder: Path, why: str) -> str:
    """The message about a folder that no broker can start from."""
    return (
        f'The data folder {folder} is damaged or half-written ({why}). '
        'Move it away to keep what is in it, or delete it (its messages go with it); the next start makes a new one.'
    )
