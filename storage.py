"""The folder that keeps a Kafka's data: made from a template, and looked at before a broker starts on it.

Used by ``broker.py``. The one idea to take away: a Kafka node finds out from its folder who it is, so the folder is made ("formatted")
before the first start, and two nodes never share one.
"""

import base64
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterable
from pathlib import Path

import jvm
import listeners
from errors import BrokerError

__all__ = ['damaged', 'in_use', 'make_template', 'new_id', 'node_folder', 'prepare']

META = 'meta.properties'
METADATA_LOG = '__cluster_metadata-0'


def new_id() -> str:
    """A random id as Kafka writes them: 22 letters, never '-' first (a command line would take it for an option)."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip('=')).startswith('-'):
        pass
    return text


def node_folder(folder: Path, node: int) -> Path:
    """Where one node keeps its data within the folder of its cluster."""
    return folder / f'node-{node}'


def make_template(installation: jvm.Installation) -> None:
    """Format one data folder, to be copied for every new broker."""
    with tempfile.TemporaryDirectory(prefix='kafka-workshop-') as temporary:
        settings = Path(temporary) / 'server.properties'
        settings.write_text(listeners.properties(1, {1: 1}, {1: 2}, Path(temporary) / 'data', {}), encoding='utf-8')
        format_folder(installation, settings, new_id())
        shutil.copytree(Path(temporary) / 'data', installation.template)


def format_folder(installation: jvm.Installation, settings: Path, cluster: str, *options: str) -> None:
    """Have Kafka's own tool format the folder that `settings` names (a ``server.properties``)."""
    command = installation.command('kafka.tools.StorageTool', 'format', '-t', cluster, '-c', settings, *options)
    run = subprocess.run(command, check=False, env=jvm.environment(), capture_output=True, text=True, errors='replace', timeout=120)
    if run.returncode:
        raise BrokerError(f'Kafka could not format a data folder: {run.stderr.strip()[-1000:]}')


def prepare(folder: Path, template: Path, nodes: Iterable[int]) -> None:
    """Make the data folder of a cluster, all of it or nothing; or look whether the one that is there can be used.

    Args:
        folder: where it is to be.
        template: a formatted data folder.
        nodes: the numbers of its nodes.

    Raises:
        BrokerError: the folder is damaged, in use by a running broker, or cannot be written.
    """
    nodes = list(nodes)
    try:
        if not folder.exists() or not any(folder.iterdir()):
            _make(folder, template, nodes)
        clusters = {_cluster_id(folder, node) for node in nodes}
        if len(clusters) > 1:
            raise BrokerError(damaged(folder, f'its nodes belong to different clusters: {", ".join(sorted(clusters))}'))
        for node in nodes:
            _refuse_if_in_use(node_folder(folder, node))
    except OSError as error:
        raise BrokerError(
            f'The data folder {folder} cannot be used: {error}. Mend that, or name another folder: python -m broker --data FOLDER'
        ) from error


def _make(folder: Path, template: Path, nodes: list[int]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    cluster = new_id()
    with tempfile.TemporaryDirectory(prefix=f'{folder.name}-draft-', dir=folder.parent) as draft:
        made = Path(draft) / folder.name
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
    if meta.get('node.id') != str(node) or len(meta.get('cluster.id', '')) < 10 or 'version' not in meta:
        raise BrokerError(damaged(folder, f'{path} is no longer what Kafka wrote there'))
    return meta['cluster.id']


def _refuse_if_in_use(folder: Path) -> None:
    lock = folder / '.lock'  # held by Kafka itself while it runs
    if lock.exists():
        with lock.open('r+b') as file:
            if not jvm.try_lock(file.fileno()):
                raise BrokerError(in_use(folder.parent))


def in_use(folder: Path) -> str:
    """The message about a folder that another broker uses."""
    return (
        f'The data folder {folder} is in use by another broker that is still running (or just ending). '
        'Use that one, or end it first, or name another folder: python -m broker --data FOLDER'
    )


def damaged(folder: Path, why: str) -> str:
    """The message about a folder that no broker can start from."""
    return (
        f'The data folder {folder} is damaged or half-written: {why}. '
        'Move it away to keep what is in it, or delete it (its messages go with it); the next start makes a new one.'
    )
