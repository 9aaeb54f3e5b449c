"""The folder that keeps a broker's data: made from a template, and looked at before a broker starts on it.

Used by ``broker.py``. The one idea to take away: a Kafka node finds out from its folder who it is, so the folder is made ("formatted")
before the first start, and two nodes never share one.
"""

import base64
import shutil
import subprocess
import tempfile
import uuid
from pathlib import Path

import jvm
import listeners
from errors import BrokerError

__all__ = ['in_use', 'make_template', 'new_id', 'prepare']

META = 'meta.properties'


def new_id() -> str:
    """A random id as Kafka writes them: 22 letters, never '-' first (a command line would take it for an option)."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip('=')).startswith('-'):
        pass
    return text


def make_template(installation: jvm.Installation) -> None:
    """Format one data folder, to be copied for every new broker."""
    with tempfile.TemporaryDirectory(prefix='kafka-workshop-') as temporary:
        settings = Path(temporary) / 'server.properties'
        settings.write_text(listeners.properties(1, {1: 1}, {1: 2}, f'{temporary}/data', {}), encoding='utf-8')
        command = installation.command('kafka.tools.StorageTool', 'format', '-t', new_id(), '-c', settings)
        run = subprocess.run(command, env=jvm.environment(), capture_output=True, text=True, errors='replace', timeout=120)
        if run.returncode:
            raise BrokerError(f'Kafka could not format a data folder: {run.stderr.strip()[-1000:]}')
        shutil.copytree(Path(temporary) / 'data', installation.template)


def prepare(folder: Path, template: Path, node: int, cluster: str) -> None:
    """Make the data folder of a node, or look whether the one that is there can be used.

    Args:
        folder: where it is to be.
        template: a formatted data folder.
        node: its number.
        cluster: the id of a new cluster.
    """
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix='draft-', dir=folder.parent))
        shutil.copytree(template, draft, dirs_exist_ok=True)
        (draft / META).write_text(f'version=1\ncluster.id={cluster}\nnode.id={node}\ndirectory.id={new_id()}\n', encoding='ascii')
        draft.rename(folder)


def in_use(folder: Path) -> str:
    """The message about a folder that another broker uses."""
    return f'The data folder {folder} is in use by another broker. Use that one, or end it first, or name another folder: --data'
