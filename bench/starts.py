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
        kind: 'first' (Kafka is installed, the ahead-of-time cache is made first), 'later', 'without the cache', or 'plain JVM'
            (without the cache and without our flags).
    """
    from broker import installation

    environment = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        if kind == 'first':
            for installed in installation.cache_folder().glob('kafka-*'):
                copy = Path(folder, installed.name)
                shutil.copytree(
                    installed,
                    copy,
                    copy_function=os.link,
                    ignore=shutil.ignore_patterns('*.aot', '*.failed', '*.lock'),
                )
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


def docker() -> float | None:
    """Seconds until Docker's Kafka has started; None where no engine answers or the image is not there."""
    if (
        not shutil.which('docker')
        or subprocess.run(
            ['docker', 'image', 'inspect', IMAGE], check=False, capture_output=True
        ).returncode
    ):
        return None
    began = time.perf_counter()
    name = subprocess.run(
        ['docker', 'run', '-d', '--rm', IMAGE], capture_output=True, text=True, check=True
    ).stdout.strip()
    try:
        while time.perf_counter() - began < 60:
            logs = subprocess.run(
                ['docker', 'logs', name], check=False, capture_output=True, text=True
            )
            if 'RECOVERY to RUNNING' in logs.stdout + logs.stderr:
                return time.perf_counter() - began
            time.sleep(0.05)
        return None
    finally:
        subprocess.run(['docker', 'rm', '-f', name], check=False, capture_output=True)


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
