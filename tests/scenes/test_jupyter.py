"""The modules behave in a notebook: cells send and read, an interrupt ends an endless cell and no more, the kernel goes when told to."""

import time
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from testing import Conversation

v4: Any = nbformat.v4

ROOT = Path(__file__).parents[2]
PATIENCE = 30.0

# A cell, the seconds after which it is interrupted (None: it ends by itself), and what stands below it then, in parts.
CELLS: list[tuple[str, float | None, list[str]]] = [
    ("""from producer import send_msg
promise = send_msg(topic=topic, key='red', value={'some': 'dict'})
promise.get(timeout=10).topic""", None, ['test-']),
    ("""import consumer
c = consumer.get_consumer(topic, offset='earliest')
next(c)""", None, ["value={'some': 'dict'}", 'offset=0']),
    ("send_msg(topic=topic, value={'sender': 'red', 'contents': 'hello'}).get(timeout=10)", None, ['RecordMetadata(topic=']),
    ("""for msg in c:
    print('{} said: {}'.format(msg.value['sender'], msg.value['contents']))""", 2.0, ['red said: hello']),
    ("""send_msg(topic=topic, value={'sender': 'red', 'contents': 'again'}, block=True)
print(next(c).value['contents'])""", None, ['again\n']),
    ("""from simulators import NonsenseSimulator
sim = NonsenseSimulator(topic=topic, key='green', delay=0.1)
print('sent', sim.simulate() > 0)""", 2.0, ['green said: the', 'sent True']),
    ("""from alerts import ThrottlingAlertService
ThrottlingAlertService(topic, alerts, offset='earliest', limit=1).monitor()
print('on')""", 2.0, ['ALERT throttled: ', 'on\n']),
    ("""from bots import AnswerBot
bot = AnswerBot(topic, answers={'!ping': 'pong'})
print(bot.run())""", 2.0, ['0\n']),
    ('bot', None, ["AnswerBot(topic='test-"]),
    ("""from services import Presence
Presence(topic, group_id='here')""", None, ["Presence(topic='test-", "group_id='here')"]),
    ("""from testing import record
record('red', 'hello')""", None, ["value={'sender': 'red', 'contents': 'hello'}"]),
    ("send_msg(topic=topic, value={'sender': 'red', 'contents': 'last'})", None, ['Future']),
]  # fmt: skip


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
    """Cells send, read and are interrupted; the next one goes on; what was sent last is not lost when the kernel is shut down."""
    monkeypatch.setenv('IPYTHONDIR', str(tmp_path / 'ipython'))
    mark = tmp_path / 'left'
    first = f"""import atexit, os, pathlib
topic, alerts = {topic!r}, {make_topic()!r}
atexit.register(pathlib.Path({str(mark)!r}).touch)
os.getpid()"""
    cells = [v4.new_code_cell(first, metadata={'ends_after': None})]
    cells += [
        v4.new_code_cell(source, metadata={'ends_after': seconds}) for source, seconds, _ in CELLS
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
    for cell, (source, _, expected) in zip(cells[1:], CELLS, strict=True):
        for part in expected:
            assert part in below(cell), f'{source}\n\n{below(cell)}'
        assert 'Traceback' not in below(cell)
        assert 'object at 0x' not in below(cell) or 'Future' in expected
    assert mark.exists(), 'The kernel did not leave by itself; it had to be killed.'
    kernel, deadline = int(below(cells[0])), time.monotonic() + 10
    while Path(f'/proc/{kernel}').exists():
        assert time.monotonic() < deadline, 'The kernel still runs.'
        time.sleep(0.05)
    room = Conversation(topic)
    assert room.hear()[-1]['contents'] == 'last'
    room.close()
