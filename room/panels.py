"""The panels beside the chat: the log, plots, teaching, and one message under the glass (used by ``page.py``).

The one idea to take away: everything shown here, anybody may ask Kafka for; it keeps no secrets about itself.
"""

import datetime
import itertools
import statistics
import time
from collections import Counter, deque
from typing import Any

import kafka.errors

from errors import ChatError
from room.access import is_local
from room.cluster import look
from room.feed import seconds_of
from schemas import HumanMessage, Malformed, decode, printable

__all__ = ['Panels', 'describe', 'hexdump', 'show_link']

TOPIC_COLUMNS = (
    'topic',
    'partition',
    'begin',
    'end',
    'rate',
    'leader',
    'replicas',
    'last key here',
)
GROUP_COLUMNS = ('group', 'state', 'member', 'topic', 'partition', 'committed', 'end', 'lag')
TEXT_COLUMNS = ('topic', 'group', 'state', 'member', 'last key here')
SPAN = 60  # seconds that the plots show
TOP = 10
GREY = '#888'  # is read on white and on black


def hexdump(data: bytes, most: int = 512) -> str:
    """Bytes as people look at them: ``'0000  7b 22 73 65  {"se'``, sixteen a line, at most so many bytes."""
    lines = []
    for start in range(0, min(len(data), most), 16):
        row = data[start : min(start + 16, most)]
        text = ''.join(chr(byte) if 32 <= byte < 127 else '.' for byte in row)
        lines.append(f'{start:04x}  {row.hex(" "):<47}  {text}')
    rest = [f'... {len(data) - most:,} bytes more'] if len(data) > most else []
    return '\n'.join(lines + rest)


def describe(record: Any) -> list[tuple[str, str]]:
    """A record of raw bytes as pairs of name and text: where it stands, when, its key, headers, bytes, and what they mean."""
    value = decode(record.value, HumanMessage)
    when = datetime.datetime.fromtimestamp(seconds_of(record), datetime.UTC).isoformat(
        timespec='milliseconds'
    )
    kind = 'set by the sender' if record.timestamp_type == 0 else 'set by the broker'
    headers = '\n'.join(
        f'{printable(name)}: {content!r:.200}' for name, content in record.headers[:20]
    )
    meaning = (
        f'no HumanMessage: {printable(value.why)}'
        if isinstance(value, Malformed)
        else f'{printable(value["sender"])} said: {printable(value["contents"])[:500]}'
    )
    return [
        ('topic', printable(record.topic)),
        ('partition', str(record.partition)),
        ('offset', str(record.offset)),
        ('timestamp', f'{when} ({record.timestamp} ms, {kind})'),
        ('key', 'none' if record.key is None else f'{record.key!r:.300}'),
        ('headers', headers or 'none'),
        ('read as', meaning),
        (
            'bytes',
            'none: a tombstone'
            if record.value is None
            else f'{len(record.value):,}\n{hexdump(record.value)}',
        ),
    ]


def show_link(link: str) -> None:
    """Show an address as a code for phones, and as text."""
    import segno
    from nicegui import ui

    with ui.dialog() as dialog, ui.card().classes('items-center'):
        ui.image(segno.make(link, micro=False).svg_data_uri(scale=8, light='white')).style(
            'width: min(70vw, 60vh)'
        ).classes('qr')
        ui.label(link).classes('code link')
    dialog.open()


class Panels:
    """The panels of one page; to be made where they are to stand.

    Args:
        room: the Room.
    """

    def __init__(self, room: Any) -> None:
        from nicegui import run, ui

        self.room, self.ui, self.run, self.client = room, ui, run, ui.context.client
        self.delays: deque[tuple[int, list[float]]] = deque(maxlen=SPAN)
        self._numbers = itertools.count(1)
        self._turns = 0
        panels = {
            'The log': self._build_log,
            'Plots': self._build_plots,
            'Teach': self._build_teach,
        }
        with ui.tabs().props('dense no-caps').classes('full-width') as self.tabs:
            for name in panels:
                ui.tab(name)
        with (
            ui.tab_panels(self.tabs, value='The log', animated=False)
            .classes('grow scroll')
            .style('background: none')
        ):
            for name, build in panels.items():
                with ui.tab_panel(name):
                    build()
        with (
            ui.dialog() as self.dialog,
            ui.card().classes('glass').style('max-width: min(96vw, 60rem); width: 60rem'),
        ):
            self.glass = ui.element('div').classes('full-width')
            ui.button('Close', on_click=self.dialog.close).props('flat no-caps')

    def next_number(self) -> int:
        """A number for a bubble that has none of its own."""
        return next(self._numbers)

    def note_delay(self, seconds: float) -> None:
        """Remember how long a message took from its record's timestamp to its bubble."""
        now = int(time.time())
        if not self.delays or self.delays[-1][0] != now:
            self.delays.append((now, []))
        self.delays[-1][1].append(seconds)

    def _table(self, title: str, columns: tuple[str, ...]) -> Any:
        wanted = [
            {
                'name': each,
                'label': each,
                'field': each,
                'align': 'left' if each in TEXT_COLUMNS else 'right',
            }
            for each in columns
        ]
        table = self.ui.table(rows=[], columns=wanted, row_key='id', title=title, pagination=0)
        return (
            table.props('dense flat hide-bottom wrap-cells')
            .classes('full-width')
            .style('background: none')
        )

    def _build_log(self) -> None:
        ui = self.ui
        self.topics = self._table('Topics', TOPIC_COLUMNS).classes('topics')
        self.groups = self._table('Groups', GROUP_COLUMNS).classes('groups')
        self.note = ui.label().classes('dim')
        ui.label('Rebalances').classes('text-subtitle1')
        self.rebalances = ui.label().classes('code rebalances')
        with ui.row().classes('items-center'):
            topic = (
                ui.input('topic', value=self.room.topic)
                .props('dense maxlength=249')
                .classes('look-topic')
            )
            partition = (
                ui.number('partition', value=0, min=0, format='%d')
                .props('dense')
                .style('width: 5rem')
                .classes('look-partition')
            )
            offset = (
                ui.number('offset', value=0, min=0, format='%d')
                .props('dense')
                .style('width: 7rem')
                .classes('look-offset')
            )

            async def find() -> None:
                await self.look(str(topic.value)[:249], partition.value or 0, offset.value or 0)

            ui.button('Look at it', on_click=find).props('dense no-caps').classes('look')

    def _build_plots(self) -> None:
        ui = self.ui
        self.by_sender = (
            ui.echart(_options('messages a second, by sender'))
            .classes('plot')
            .style('height: 15rem')
        )
        self.by_alert = (
            ui.echart(_options('alerts a second')).classes('plot').style('height: 11rem')
        )
        self.by_delay = ui.echart(_options('delay in ms')).classes('plot').style('height: 13rem')
        ui.label(
            'Delay: from the timestamp in the record to its bubble and back, by the clocks of its sender and of this server.'
        ).classes('dim')

    def _build_teach(self) -> None:
        ui, self.buttons = self.ui, []
        local = self._is_teacher()
        ui.label(
            'Each is a process of its own. The line beneath it does the same at a prompt.'
            if local
            else "Only at the teacher's machine."
        )
        for helper in self.room.helpers:
            with ui.row().classes('items-center full-width q-mt-sm'):
                button = ui.button('Start').props('dense no-caps').classes('teach')
                button.on_click(lambda _, helper=helper: self._turn(helper))
                button.set_enabled(local)
                ui.label(helper.name).classes('text-subtitle1')
                state = ui.label().classes('dim')
            ui.label(helper.code).classes('code dim')
            self.buttons.append((helper, button, state))

    async def _turn(self, helper: Any) -> None:
        if self._is_teacher():
            await self.run.io_bound(helper.start if helper.pid is None else helper.stop)

    def _is_teacher(self) -> bool:
        """By the two ends of the connection: what a visitor can write into a request does not count."""
        return is_local(self.client.ip, (self.client.request.scope.get('server') or ('',))[0])

    async def look(self, topic: str, partition: float, offset: float) -> None:
        """Fetch a record, and show all of it."""
        if not self.room.asking.allow(self.client.ip):
            self.ui.notify('Slowly: ten looks in ten seconds are the most.')
            return
        try:
            pairs = describe(await self.run.io_bound(look, topic, int(partition), int(offset)))
        except (ChatError, kafka.errors.KafkaError, OSError, ValueError, OverflowError) as error:
            pairs = [('not found', printable(error))]
        self.glass.clear()
        with self.glass:
            for name, text in pairs:
                self.ui.label(name).classes('dim')
                self.ui.label(text).classes(f'code pair-{name.replace(" ", "-")}')
        self.dialog.open()

    def tell(self) -> None:
        """Bring the panel that is open up to date."""
        self._turns += 1
        if self.tabs.value == 'The log':
            self._tell_log()
        elif self.tabs.value == 'Plots' and self._turns % 2:
            self._tell_plots()
        elif self.tabs.value == 'Teach':
            for helper, button, state in self.buttons:
                pid = helper.pid
                button.text = 'Start' if pid is None else 'Stop'
                state.text = helper.said if pid is None else f'process {pid}: {helper.said}'

    def _tell_log(self) -> None:
        snapshot, keys = self.room.watch.snapshot, self.room.feed.last_keys
        self.topics.rows = [
            row | {'last key here': keys.get((row['topic'], row['partition']), '')}
            for row in snapshot.topics
        ]
        self.groups.rows = snapshot.groups
        more = f' {snapshot.left_out} rows more are not shown.' if snapshot.left_out else ''
        self.note.text = (
            f'A reader without a group_id is in no list: only it knows where it is.{more}'
        )
        changes = [f'{_when(at)} {text}' for at, text in reversed(self.room.watch.rebalances)]
        self.rebalances.text = '\n'.join(changes[:8]) or 'none since the room opened'

    def _tell_plots(self) -> None:
        seconds = self.room.feed.last_seconds(SPAN)
        every: Counter[str] = sum((second.senders for second in seconds), Counter())
        top = [name for name, _ in every.most_common(TOP)]
        lines = {name[:24]: [second.senders[name] for second in seconds] for name in top}
        if len(every) > TOP:
            lines['all others'] = [
                second.senders.total() - sum(second.senders[name] for name in top)
                for second in seconds
            ]
        times = [_when(second.time) for second in seconds]
        _plot(self.by_sender, times, lines, 'bar', stack='all')
        _plot(self.by_alert, times, {'alerts': [second.alerts for second in seconds]}, 'bar')
        known = dict(self.delays)
        delays = [
            [round(1000 * each, 1) for each in sorted(known.get(second.time, []))]
            for second in seconds
        ]
        middle = [statistics.median(each) if each else None for each in delays]
        _plot(
            self.by_delay,
            times,
            {'median': middle, 'longest': [each[-1] if each else None for each in delays]},
            'line',
        )


def _when(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).astimezone().strftime('%H:%M:%S')


def _options(title: str) -> dict[str, Any]:
    return {
        'title': {'text': title, 'left': 0, 'top': 0, 'textStyle': {'fontSize': 13, 'color': GREY}},
        'legend': {
            'top': 0,
            'right': 0,
            'width': '55%',
            'type': 'scroll',
            'textStyle': {'color': GREY},
            'pageTextStyle': {'color': GREY},
        },
        'grid': {'left': 50, 'right': 10, 'top': 35, 'bottom': 25},
        'textStyle': {'color': GREY},
        'tooltip': {'trigger': 'axis', 'renderMode': 'richText'},
        'animation': False,
        'xAxis': {'type': 'category', 'data': [], 'axisLabel': {'color': GREY}},
        'yAxis': {
            'type': 'value',
            'axisLabel': {'color': GREY},
            'splitLine': {'lineStyle': {'color': GREY, 'opacity': 0.3}},
        },
        'series': [],
    }


def _plot(
    chart: Any, times: list[str], lines: dict[str, list[Any]], kind: str, **more: Any
) -> None:
    chart.options['xAxis']['data'] = times
    chart.options['series'] = [
        {'type': kind, 'name': name, 'data': data, 'showSymbol': True, **more}
        for name, data in lines.items()
    ]
    chart.update()
