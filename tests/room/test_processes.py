"""Processes that the teacher starts: they end with the room."""

import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from typing import Any

import pytest

import alerts
import bots
import services
import simulators
from processing.at_least_once import Service
from room.processes import PythonProcess
from room.programs import MOST, Programs
from tests.support.brokers import ROOT, eventually, gone

PROGRAMS = (alerts.AlertService, Service, simulators.MsgSimulator)
BASES = ('AlertService', 'Service')  # to be subclassed: they do nothing by themselves
HOLD = """
import sys
from room.processes import PythonProcess
run = 'import signal, time; print("running", flush=True); time.sleep(600)'
ignore = run.replace('print', 'signal.signal(signal.SIGINT, signal.SIG_IGN); print')
processes = [PythonProcess('one', run), PythonProcess('ignores Ctrl-C', ignore)]
for process in processes:
    process.start()
while not all(process.last_line for process in processes):
    pass
print(*[process.pid for process in processes], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize('how', [signal.SIGTERM, signal.SIGKILL])
def test_what_the_room_started_ends_with_it(how: signal.Signals) -> None:
    """When the room is killed, its processes end too: at once, or in 5 s if they ignore Ctrl-C."""
    room = subprocess.Popen(
        [sys.executable, '-c', HOLD],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert room.stdout
        pids = [int(pid) for pid in room.stdout.readline().split()]
        assert len(pids) == 2
        assert not any(map(gone, pids))
        room.send_signal(how)
        room.wait(5)
        eventually(lambda: gone(pids[0]), 3.0)
        eventually(lambda: gone(pids[1]), 10.0)
    finally:
        room.kill()
        room.communicate()


def test_a_process_tells_why_it_ended() -> None:
    """The last line that a process wrote is kept, made printable, and it can be started again."""
    process = PythonProcess('short', r'print("\x1b[31mred"); raise SystemExit(1)')
    for _ in range(2):
        process.start()
        eventually(lambda: process.pid is None and process.last_line)
        assert process.last_line == r'\x1b[31mred'
        process.stop()


def test_two_who_start_a_process_at_once_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many press the button at once, one process runs, and none outlives the stop."""
    started: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen

    def slowly(*args: Any, **options: Any) -> 'subprocess.Popen[bytes]':
        started.append(popen(*args, **options))
        time.sleep(0.2)  # time for the others to come between
        return started[-1]

    monkeypatch.setattr(subprocess, 'Popen', slowly)
    process = PythonProcess('one', 'import time; time.sleep(600)')
    threads = [threading.Thread(target=process.start) for _ in range(3)]
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        process.stop()
        assert [each.poll() is None for each in started] == [False]
    finally:
        for each in started:
            each.kill()


def test_a_killed_process_is_gone_at_once() -> None:
    """It gets no chance to clean up, and can be started again; its name is Kafka's client.id."""
    code = 'import os, time; print(os.environ["KAFKA_CLIENT_ID"], flush=True); time.sleep(600)'
    process = PythonProcess('throttle-7', code)
    process.start()
    eventually(lambda: process.last_line == 'throttle-7')
    pid = process.pid
    assert pid is not None
    process.kill()
    assert process.pid is None
    assert gone(pid)
    process.stop()


def test_each_start_has_a_name_of_its_own() -> None:
    """Two of a group are throttle-1 and throttle-2; a name that is free is taken again.

    There are never more than a few, and all are stopped together.
    """
    programs = Programs('talk', 'alerts')
    assert all(each.code.count('\n') == 0 for each in programs.programs)
    shared = [each for each in programs.programs if each.shares]
    assert all(f"group_id='talk-{each.name}'" in each.code for each in shared)
    sleeper = next(each for each in programs.programs if each.name == 'throttle')
    sleeper = replace(sleeper, code='import time; time.sleep(600)')
    try:
        for _ in range(MOST):
            assert programs.start(sleeper) == ''
        assert 'Stop one first' in programs.start(sleeper)
        names = [each.name for each in programs.processes]
        assert names == [f'throttle-{number}' for number in range(1, MOST + 1)]
        second = programs.find('throttle-2')
        assert second
        second.kill()
        assert programs.start(sleeper) == ''
        assert programs.processes[-1].name == 'throttle-2'
    finally:
        programs.stop_all()
    assert all(each.pid is None for each in programs.processes)


def test_every_program_of_the_library_can_be_started() -> None:
    """Each simulator, alert service, service and bot has its line, and the lines are Python."""
    offered = Programs('talk', 'alerts').programs
    for each in offered:
        compile(each.code, each.name, 'exec')
    code = ' '.join(each.code for each in offered)
    for module in (alerts, bots, services, simulators):
        for name in module.__all__:
            found = getattr(module, name)
            if isinstance(found, type) and issubclass(found, PROGRAMS) and name not in BASES:
                assert f' {name}; {name}(' in code, name
