"""The panel *Teach*: processes that the teacher starts and stops in front of everybody.

The one idea to take away: each line of code here is a program of its own. They never meet but in
Kafka.
"""

from functools import partial

from room.addresses import is_local
from room.processes import PythonProcess

__all__ = ['TeachPanel']


class TeachPanel:
    """The panel; create it inside the element that is to contain it.

    Everybody sees it, and only who sits at the room's machine can press its buttons.

    Args:
        processes: what can be started.
    """

    def __init__(self, processes: list[PythonProcess]) -> None:
        from nicegui import ui

        self.client = ui.context.client
        self.processes = processes
        self.buttons: list[ui.button] = []
        self.states: list[ui.label] = []
        if self._is_teacher():
            ui.label('Each is a process of its own. The line below it does the same at a prompt.')
        else:
            ui.label("Only on the teacher's machine.")
        for process in processes:
            self._build_row(process)

    def _build_row(self, process: PythonProcess) -> None:
        from nicegui import ui

        with ui.row().classes('items-center full-width q-mt-sm'):
            button = ui.button('Start', on_click=partial(self._toggle, process))
            button.props('dense no-caps').classes('teach').set_enabled(self._is_teacher())
            ui.label(process.title).classes('text-subtitle1')
            state = ui.label().classes('muted')
        ui.label(process.code).classes('code muted')
        self.buttons.append(button)
        self.states.append(state)

    async def _toggle(self, process: PythonProcess) -> None:
        from nicegui import run

        # Asked again: a disabled button does not keep a browser from sending the click.
        if self._is_teacher():
            await run.io_bound(process.start if process.pid is None else process.stop)

    def _is_teacher(self) -> bool:
        """By the two ends of the connection: what a request says of itself does not count."""
        server = self.client.request.scope.get('server') or ('',)
        return is_local(self.client.ip, server[0])

    def refresh(self) -> None:
        """Show which processes run, and what each wrote last."""
        for process, button, state in zip(self.processes, self.buttons, self.states, strict=True):
            pid = process.pid
            button.text = 'Start' if pid is None else 'Stop'
            state.text = process.last_line if pid is None else f'process {pid}: {process.last_line}'
