"""The programs that the teacher can start: every simulator, service and bot of the library.

Each is a line of Python that does the same at a prompt, and each start is a process of its own with
a name, ``throttle-1``, by which its group knows it too. Group ids carry the topic, so that two
rooms on one Kafka do not share a group by mistake.

The one idea to take away: one more of a group is the same line once more. Nobody has to be told.
"""

import threading
from dataclasses import dataclass
from itertools import count

from room.processes import PythonProcess

__all__ = ['Program', 'Programs']

MOST = 16  # processes at a time
MOST_ENDED = 4  # of those that ended, whose last words are still shown


@dataclass(frozen=True, slots=True)
class Program:
    """Something that can be started.

    Args:
        name: short, and what its processes are called after.
        title: what it is, for the page.
        code: the line.
        shares: whether several share a group, and so the partitions.
    """

    name: str
    title: str
    code: str
    shares: bool = False


def programs(topic: str, alert_topic: str) -> list[Program]:
    """What the teacher can start.

    Args:
        topic: where people talk.
        alert_topic: where services report.
    """

    def simulator(name: str, title: str, made: str) -> Program:
        cls = made.partition('(')[0]
        return Program(name, title, f'from simulators import {cls}; {made}.simulate()')

    def service(name: str, title: str, module: str, made: str, run: str = 'run') -> Program:
        cls = made.partition('(')[0]
        group = f'{topic}-{name}'
        line = f'from {module} import {cls}; {made.format(group=group)}.{run}()'
        return Program(name, title, line, shares=True)

    alert = f'monitor_topic={topic!r}, alert_topic={alert_topic!r}'
    return [
        simulator(
            'nonsense', 'talks nonsense', f"NonsenseSimulator({topic!r}, key='green', delay=0.5)"
        ),
        simulator('counter', 'counts', f"MsgSimulator({topic!r}, key='blue')"),
        simulator(
            'chooser',
            'says one of a few things',
            f"MsgChoiceSimulator(['yes', 'no', 'perhaps'], {topic!r}, key='red')",
        ),
        simulator('crowd', 'twenty people', f'CrowdSimulator({topic!r}, senders=20, delay=0.2)'),
        simulator(
            'replay',
            "says a chat log once more: the file chat.txt in the room's folder",
            f"ReplaySimulator('chat.txt', speed=10.0, topic={topic!r})",
        ),
        simulator('spammer', 'a hundred a second', f'SpamSimulator({topic!r})'),
        service(
            'throttle',
            'alerts on who says too much',
            'alerts',
            f"ThrottlingAlertService({alert}, group_id='{{group}}')",
            'monitor',
        ),
        service(
            'offensive',
            'alerts on offensive words',
            'alerts',
            f"OffensiveContentAlertService({alert}, group_id='{{group}}')",
            'monitor',
        ),
        service(
            'trends',
            'counts words in a window; commits where the window begins',
            'services',
            f"TrendingWords({topic!r}, group_id='{{group}}')",
        ),
        service(
            'presence',
            'keeps a table of who is here',
            'services',
            f"Presence({topic!r}, group_id='{{group}}')",
        ),
        service(
            'archive',
            'writes everything into a file that can be searched',
            'services',
            f"Archive({topic!r}, path='{topic}.db', group_id='{{group}}')",
        ),
        service(
            'rekey',
            'copies the chat, keyed by sender',
            'services',
            f"Rekey({topic!r}, to='{topic}-by-sender', group_id='{{group}}')",
        ),
        service(
            'answer',
            'a bot that answers !ping',
            'bots',
            f"AnswerBot({topic!r}, answers={{{{'!ping': 'pong'}}}}, group_id='{{group}}')",
        ),
        service(
            'parrot',
            'a bot that talks like the room',
            'bots',
            f"RoomTalker({topic!r}, every=10, group_id='{{group}}')",
        ),
    ]


class Programs:
    """What can be started, and what was. Thread-safe.

    ``processes`` has those that were started: the running ones, and the last few that ended.

    Args:
        topic: where people talk.
        alert_topic: where services report.
    """

    def __init__(self, topic: str, alert_topic: str) -> None:
        self.programs = programs(topic, alert_topic)
        self.processes: list[PythonProcess] = []
        self._lock = threading.Lock()

    def start(self, program: Program) -> str:
        """Start one more.

        Returns:
            Why it was not started; '' if it was.
        """
        with self._lock:
            self._forget_old()
            running = {each.name for each in self.processes if each.pid is not None}
            if len(running) >= MOST:
                return f'{MOST} run already. Stop one first.'
            name = next(name for n in count(1) if (name := f'{program.name}-{n}') not in running)
            if earlier := self.find(name):
                earlier.stop()  # closes its pipe
                self.processes.remove(earlier)
            process = PythonProcess(name, program.code)
            process.start()
            self.processes.append(process)
        return ''

    def find(self, name: str) -> PythonProcess | None:
        """The process of a name."""
        return next((each for each in self.processes if each.name == name), None)

    def stop_all(self) -> None:
        """End all of them, side by side."""
        with self._lock:
            threads = [threading.Thread(target=each.stop) for each in self.processes]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def _forget_old(self) -> None:
        ended = [each for each in self.processes if each.pid is None]
        for each in ended[:-MOST_ENDED]:
            each.stop()  # closes its pipe
            self.processes.remove(each)
