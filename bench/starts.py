"""How long things take to start: the embedded broker, Docker's, and imports."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.rig import ROOT

IMAGE = 'apache/kafka'
BROKER = """
import os, sys, time
from broker import Broker, jvm
kind = sys.argv[1]
if kind == 'plain JVM':
    jvm.FLAGS = tuple(flag for flag in jvm.FLAGS if not flag.startswith(('-Xms', '-XX:')))
began = time.perf_counter()
kafka = Broker()
if kind != 'later' and kind != 'first':
    kafka._aot_options = ()
with kafka:
    print(time.perf_counter() - began)
"""
IMPORT = """
import time, warnings
warnings.simplefilter('ignore')
began, cpu = time.perf_counter(), time.process_time()
import {}
print(time.perf_counter() - began, time.process_time() - cpu)
"""


def broker(kind: str) -> float:
    """Seconds until the embedded broker serves.

    Args:
        kind: 'first' (Kafka is installed, but the ahead-of-time cache is still to be made),
            'later', 'without the cache', or 'plain JVM' (without the cache and without our flags).
    """
    environment = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        if kind == 'first':
            _copy_kafka_without_cache(Path(folder))
            environment['WORKSHOP_CACHE'] = folder
        run = subprocess.run(
            [sys.executable, '-W', 'ignore', '-c', BROKER, kind],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
    return float(run.stdout)


def _copy_kafka_without_cache(folder: Path) -> None:
    from broker import installation

    for installed in installation.cache_folder().glob('kafka-*'):
        shutil.copytree(
            installed,
            folder / installed.name,
            copy_function=os.link,
            ignore=shutil.ignore_patterns('*.aot', '*.failed', '*.lock'),
        )


def docker() -> float | None:
    """Seconds until Docker's Kafka has started.

    Returns:
        None where no Docker engine answers, or the image is not there.
    """
    if not shutil.which('docker') or _docker('image', 'inspect', IMAGE).returncode:
        return None
    began = time.perf_counter()
    started = _docker('run', '-d', '--rm', IMAGE)
    started.check_returncode()
    name = started.stdout.strip()
    try:
        while time.perf_counter() - began < 60:
            logs = _docker('logs', name)
            if 'RECOVERY to RUNNING' in logs.stdout + logs.stderr:
                return time.perf_counter() - began
            time.sleep(0.05)
        return None
    finally:
        _docker('rm', '-f', name)


def _docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(['docker', *arguments], check=False, capture_output=True, text=True)


def importing(what: str) -> dict[str, Any]:
    """Seconds to import something in a fresh Python."""
    run = subprocess.run(
        [sys.executable, '-c', IMPORT.format(what)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    seconds, cpu = map(float, run.stdout.split())
    return {'seconds': seconds, 'cpu': cpu}
