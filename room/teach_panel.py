"""The panel *Teach*: processes that the teacher starts, stops and kills in front of everybody.

The one idea to take away: each line of code here is a program of its own. They never meet but in
Kafka.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

from room.broker_buttons import BrokerButtons
from room.components import heading
from room.partition_button import PartitionButton
from room.processes import PythonProcess
from room.programs import Program
from room.state import RoomState
from room.visitors import is_teacher

__all__ = ['TeachPanel']


class TeachPanel:
    """The panel; create it inside the element that is to contain it.

    Everybody sees it, and only the teacher can press its buttons.

    Args:
        state: what all pages share.
    """

    def __init__(self, state: RoomState) -> None:
        from nicegui import ui

        self.client = ui.context.client
        self.programs = state.programs
        self.labels: dict[str, Any] = {}
        self._drawn: list[tuple[str, int | None]] = []
        teacher = is_teacher(self.client)
        with ui.row().classes('items-center full-width form-row'):
            stop = ui.button('Stop all', on_click=partial(self._do, self.programs.stop_all))
            stop.props('dense no-caps').classes('stop-all').set_enabled(teacher)
            self.partitions = PartitionButton(state)
            if not teacher:
                ui.label("The buttons are the teacher's.")
        self.brokers = BrokerButtons(state)
        self.running = ui.element('div').classes('full-width running')
        ui.label('Each start is a process of its own. The line does the same at a prompt.')
        for program in self.programs.programs:
            self._build_program(program, teacher)

    def _build_program(self, program: Program, teacher: bool) -> None:
        from nicegui import ui

        with ui.element('div').classes('program'), ui.row().classes('items-center no-wrap'):
            text = 'Start' if not program.shares else 'Start, or one more of its group'
            button = ui.button('Start', on_click=partial(self._start, program)).tooltip(text)
            button.props('dense no-caps').classes(f'teach teach-{program.name}')
            button.set_enabled(teacher)
            heading(program.name, 3).classes('text-subtitle1')
            ui.label(program.title).classes('muted')
        with ui.row().classes('items-center no-wrap full-width'):
            ui.label(program.code).classes('code muted')
            copy = ui.button(icon='content_copy', on_click=partial(_copy, program.code))
            copy.props('flat round dense size=sm aria-label="copy the line"').classes('copy')

    async def _start(self, program: Program) -> None:
        from nicegui import ui

        problem = await self._do(partial(self.programs.start, program))
        if problem:
            ui.notify(problem)

    async def _do(self, action: Callable[[], Any]) -> Any:
        from nicegui import run

        # Asked again: a disabled button does not keep a browser from sending the click.
        if is_teacher(self.client):
            return await run.io_bound(action)
        return None

    def refresh(self) -> None:
        """Show which processes run, and what each wrote last."""
        processes = list(self.programs.processes)
        now = [(process.name, process.pid) for process in processes]
        if now != self._drawn:
            self._drawn = now
            self.running.clear()
            self.labels.clear()
            with self.running:
                for process in processes:
                    self._build_process(process)
        for process in processes:
            label = self.labels.get(process.name)
            if label is not None and is_teacher(self.client):  # it may name hosts and settings
                label.text = process.last_line
        self.partitions.refresh()
        self.brokers.refresh()

    def _build_process(self, process: PythonProcess) -> None:
        from nicegui import ui

        pid = process.pid
        state = 'has ended' if pid is None else f'process {pid}'
        with ui.row().classes('items-center no-wrap full-width process'):
            ui.label(process.name).classes('process-name')
            ui.label(state).classes('muted process-state')
            if pid is not None and is_teacher(self.client):
                stop = ui.button('Stop', on_click=partial(self._do, process.stop))
                stop.props('dense no-caps flat').classes('stop')
                kill = ui.button('kill -9', on_click=partial(self._do, process.kill))
                kill.props('dense no-caps flat').classes('kill')
            self.labels[process.name] = ui.label().classes('code muted process-line')


def _copy(text: str) -> None:
    from nicegui import ui

    ui.clipboard.write(text)
    ui.notify('Copied.')
