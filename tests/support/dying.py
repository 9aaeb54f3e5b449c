"""A transactional producer whose n-th step ends its process: for tests of crash points."""

import os
from typing import Any, ClassVar

from client.transactions import TransactionalProducer

__all__ = ['Dying']


class Dying(TransactionalProducer):
    """Counts begin, the third send, send_offsets, commit, and what follows it, in that order.

    Attributes:
        at: the step that ends the process, from 1 on; 0 is none.
        step: how many were reached.
        sent: messages of the present transaction.
    """

    at: ClassVar[int] = 0
    step: ClassVar[int] = 0
    sent: ClassVar[int] = 0

    def reach(self) -> None:
        """End the process without another word, if this is the step."""
        Dying.step += 1
        if Dying.step == Dying.at:
            os._exit(9)

    def begin(self) -> None:
        self.reach()
        Dying.sent = 0
        super().begin()

    def send(self, **message: Any) -> Any:
        Dying.sent += 1
        if Dying.sent == 3:  # two were sent, others were not
            self._producer.flush()
            self.reach()
        return super().send(**message)

    def send_offsets(self, *arguments: Any) -> None:
        self.reach()
        super().send_offsets(*arguments)

    def commit(self) -> None:
        self.reach()
        super().commit()
        self.reach()
