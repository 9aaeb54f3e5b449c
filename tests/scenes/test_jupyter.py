"""The modules behave in a notebook: cells send and read, and can be interrupted.

An interrupt ends an endless cell and nothing else; the kernel ends when it is told to.
"""

import time
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
import pytest
from nbclient import NotebookClient

from testing import Conversation

v4: Any = nbformat.v4

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0


class Cell(NamedTuple):
    """A cell of the notebook.

    ``expected`` is what must stand below it in the end. It is interrupted after ``seconds``; None
    means that it ends by itself.
    """

    source: str
    expected: list[str]
    seconds: float | None = None


SEND = """\
from producer import send_msg
promise = send_msg(topic=topic, key='red', value={'some': 'dict'})
promise.get(timeout=10).topic"""
READ_ONE = """\
import consumer
c = consumer.get_consumer(topic, offset='earliest')
next(c)"""
SEND_AND_WAIT = """\
hello = {'sender': 'red', 'contents': 'hello'}
send_msg(topic=topic, value=hello).get(timeout=10)"""
LOOP = """\
for msg in c:
    print('{} said: {}'.format(msg.value['sender'], msg.value['contents']))"""
GO_ON_READING = """\
send_msg(topic=topic, value={'sender': 'red', 'contents': 'again'}, block=True)
print(next(c).value['contents'])"""
SIMULATE = """\
from simulators import NonsenseSimulator
sim = NonsenseSimulator(topic=topic, key='green', delay=0.1)
print('sent', sim.simulate() > 0)"""
ALERT = """\
from alerts import ThrottlingAlertService
ThrottlingAlertService(topic, alerts, offset='earliest', limit=1).monitor()
print('on')"""
BOT = """\
from bots import AnswerBot
bot = AnswerBot(topic, answers={'!ping': 'pong'})
print(bot.run())"""
SERVICE = """\
from services import Presence
Presence(topic, group_id='here')"""
RECORD = """\
from testing import record
record('red', 'hello')"""

CELLS = [
    Cell(SEND, ['test-']),
    Cell(READ_ONE, ["value={'some': 'dict'}", 'offset=0']),
    Cell(SEND_AND_WAIT, ['RecordMetadata(topic=']),
    Cell(LOOP, ['red said: hello'], seconds=2.0),
    Cell(GO_ON_READING, ['again\n']),
    Cell(SIMULATE, ['green said: the', 'sent True'], seconds=2.0),
    Cell(ALERT, ['ALERT throttled: ', 'on\n'], seconds=2.0),
    Cell(BOT, ['0\n'], seconds=2.0),
    Cell('bot', ["AnswerBot(topic='test-"]),
    Cell(SERVICE, ["Presence(topic='test-", "group_id='here')"]),
    Cell(RECORD, ["value={'sender': 'red', 'contents': 'hello'}"]),
    Cell("send_msg(topic=topic, value={'sender': 'red', 'contents': 'last'})", ['Future']),
]


def below(cell: Any) -> str:
    """What stands below a cell, as text."""
    said = ''
    for output in cell.outputs:
        if output.output_type == 'stream':
            said += output.text
        elif output.output_type == 'execute_result':
            said += output.data['text/plain']
        elif output.output_type == 'error' and output.ename != 'KeyboardInterrupt':
            said += '\n'.join(output.traceback)
    return said


@pytest.mark.slow
@pytest.mark.filterwarnings('ignore::DeprecationWarning:zmq')
def test_a_notebook_of_the_walkthrough(
    topic: str, make_topic: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cells send, read and are interrupted, and the next one goes on.

    What was sent last is not lost when the kernel is shut down.
    """
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
    mark = tmp_path / 'left'
    first = f"""import atexit, os, pathlib
topic, alerts = {topic!r}, {make_topic()!r}
atexit.register(pathlib.Path({str(mark)!r}).touch)
os.getpid()"""
    cells = [v4.new_code_cell(first, metadata={'ends_after': None})]
    cells += [
        v4.new_code_cell(cell.source, metadata={'ends_after': cell.seconds}) for cell in CELLS
    ]
    client = NotebookClient(
        v4.new_notebook(cells=cells),
        timeout_func=lambda cell: cell.metadata['ends_after'] or PATIENCE,
        interrupt_on_timeout=True,
        allow_errors=True,
        kernel_name='python3',
        resources={'metadata': {'path': str(ROOT)}},
        shutdown_kernel='graceful',
    )
    client.execute()
    for cell, wanted in zip(cells[1:], CELLS, strict=True):
        for part in wanted.expected:
            assert part in below(cell), f'{wanted.source}\n\n{below(cell)}'
        assert 'Traceback' not in below(cell)
        assert 'object at 0x' not in below(cell) or 'Future' in wanted.expected
    assert mark.exists(), 'The kernel did not leave by itself; it had to be killed.'
    kernel, deadline = int(below(cells[0])), time.monotonic() + 10
    while Path(f'/proc/{kernel}').exists():
        assert time.monotonic() < deadline, 'The kernel still runs.'
        time.sleep(0.05)
    conversation = Conversation(topic)
    assert conversation.hear()[-1]['contents'] == 'last'
    conversation.close()
