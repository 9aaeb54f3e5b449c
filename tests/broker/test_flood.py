"""Thirty learners on one Kafka, in thirty processes, and one of them floods: ``make torture``."""

import os
import statistics
import subprocess
import sys

import pytest

from broker import Broker
from tests.support.brokers import ROOT

pytestmark = pytest.mark.broker
LEARNERS = 30
LEARNER = """
import sys, time
from errors import ChatError
from producer import send_msg
value = {'sender': sys.argv[1], 'contents': 'hello'}
send_msg('human-messages', value, block=True)
print('ready', flush=True)
sys.stdin.readline()
end = time.monotonic() + float(sys.argv[2])
if sys.argv[3] == 'flood':
    value['contents'] = 'x' * 1000
    while time.monotonic() < end:
        try:
            send_msg('human-messages', value)
        except (ChatError, BufferError):
            time.sleep(0.1)
    import os
    os._exit(0)  # what it still has to send, it would send for hours
while time.monotonic() < end:
    began = time.monotonic()
    send_msg('human-messages', value, block=True)
    print(time.monotonic() - began, flush=True)
    time.sleep(0.5)
"""


@pytest.mark.torture
@pytest.mark.timeout(300)
def test_thirty_learners_hardly_notice_one_who_floods() -> None:
    """Their sends take, at the median, at most twice as long as without the flood."""
    clean = {name: value for name, value in os.environ.items() if name[:6] != 'KAFKA_'}
    clean |= {'WORKSHOP_ENV_FILE': '', 'PYTHONPATH': str(ROOT)}

    def median(flood: str) -> float:
        learners = [
            subprocess.Popen(
                [sys.executable, '-c', LEARNER, f'l{number}', '20', flood if not number else ''],
                env=clean | each,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for number, each in enumerate(settings)
        ]
        for each in learners:
            assert each.stdout
            assert each.stdout.readline() == 'ready\n'
        for each in learners:
            assert each.stdin
            each.stdin.write('\n')
            each.stdin.flush()
        said = [each.communicate(timeout=60)[0] for each in learners]
        assert [each.returncode for each in learners] == [0] * LEARNERS
        times = [float(line) for lines in said[1:] for line in lines.splitlines()]
        assert len(times) > LEARNERS * 5
        return statistics.median(times)

    with Broker(classroom='127.0.0.1') as kafka:
        assert kafka.enrolment
        settings = [
            kafka.enrolment.classroom.add(f'learner-{number}') for number in range(LEARNERS)
        ]
        quiet = median('')
        flooded = median('flood')
    print(f'median without the flood {quiet * 1000:.1f} ms, with it {flooded * 1000:.1f} ms')
    assert flooded <= 2 * quiet
