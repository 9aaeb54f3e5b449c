"""A cluster without Kafka, for the tests of the console."""

from pathlib import Path

from broker.enrolment import Enrolment
from errors import BrokerError


class FakeCluster:
    """Notes what it is told; broker 2 does not run."""

    def __init__(self) -> None:
        self.nodes = range(1, 4)
        self.told: list[tuple[str, int]] = []
        self.lacking = False
        self.quorum = 2
        self.enrolment: Enrolment | None = None
        self.alive = {1, 3}

    def _note(self, word: str, node: int) -> None:
        if node == 2:
            raise BrokerError('Broker 2 does not run.')
        self.told.append((word, node))

    def kill(self, node: int) -> None:
        self._note('kill', node)

    def pause(self, node: int) -> None:
        self._note('pause', node)

    def resume(self, node: int) -> None:
        self._note('resume', node)

    def restart(self, node: int) -> None:
        self._note('restart', node)

    def lacks_quorum(self) -> bool:
        return self.lacking

    def running(self, node: int) -> bool:
        return node in self.alive

    def env(self, listener: str = '', user: str = 'teacher') -> dict[str, str]:
        return {'KAFKA_LISTENER': listener, 'KAFKA_USER': user}

    def log(self, node: int = 1) -> Path:
        return Path(f'no-such-{node}.log')
