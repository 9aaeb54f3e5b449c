"""The panel *Plots*: messages, lag, alerts and delays of the last minute, second by second.

The one idea to take away: what a stream does is seen in a picture of its rate, not in its records.
"""

import statistics
from collections import Counter
from typing import Any

from room.colours import colour_of
from room.formatting import time_of_day
from room.history import ChatHistory
from room.measurements import Delays, Lags, Second

__all__ = ['PlotsPanel']

SPAN = 60  # seconds
MOST_SENDERS = 10  # with a colour of their own
LONGEST_NAME = 24  # characters in the legend
GREY = '#888'  # of lines; the colour of text is in theme.css


class PlotsPanel:
    """The panel; create it inside the element that is to contain it.

    Args:
        history: what came for all pages.
        lags: how far each group was behind.
        delays: how long it took to this page.
    """

    def __init__(self, history: ChatHistory, lags: Lags, delays: Delays) -> None:
        from nicegui import ui

        self.history = history
        self.lags = lags
        self.delays = delays
        self.senders = _chart('messages a second, by sender', '15rem')
        self.lag = _chart('lag, by group', '13rem')
        self.alerts = _chart('alerts a second', '11rem')
        self.delay = _chart('delay in ms', '13rem')
        ui.label(
            'Delay: from the timestamp in the record to its bubble and back, by the clocks of its '
            'sender and of this server.'
        ).classes('muted')
        self._drawn = 0

    def refresh(self) -> None:
        """Draw the last minute; every other second, because four plots are dear to draw."""
        seconds = self.history.last_seconds(SPAN)
        if seconds[-1].time < self._drawn + 2:
            return
        self._drawn = seconds[-1].time
        times = [time_of_day(second.time) for second in seconds]
        _plot(self.senders, times, _by_sender(seconds), type='bar', stack='all')
        lags = self.lags.in_seconds([second.time for second in seconds], MOST_SENDERS)
        _plot(self.lag, times, lags, type='line')
        alerts = {'alerts': [second.alerts for second in seconds]}
        _plot(self.alerts, times, alerts, type='bar')
        _plot(self.delay, times, self._delays(seconds), type='line')

    def _delays(self, seconds: list[Second]) -> dict[str, list[Any]]:
        median: list[float | None] = []
        longest: list[float | None] = []
        for second in seconds:
            delays = self.delays.in_second(second.time)
            median.append(_milliseconds(statistics.median(delays)) if delays else None)
            longest.append(_milliseconds(delays[-1]) if delays else None)
        return {'median': median, 'longest': longest}


def _milliseconds(seconds: float) -> float:
    return round(1000 * seconds, 1)


def _by_sender(seconds: list[Second]) -> dict[str, list[Any]]:
    """A line for each of those who talk most, and one for all others."""
    totals: Counter[str] = Counter()
    for second in seconds:
        totals.update(second.senders)
    top = [name for name, _ in totals.most_common(MOST_SENDERS)]
    lines: dict[str, list[Any]] = {}
    for name in top:
        lines[name[:LONGEST_NAME]] = [second.senders[name] for second in seconds]
    if len(totals) > MOST_SENDERS:
        lines['all others'] = [
            second.senders.total() - sum(second.senders[name] for name in top) for second in seconds
        ]
    return lines


def _chart(title: str, height: str) -> Any:
    """An empty plot, as Apache ECharts describes it."""
    from nicegui import ui

    text = {'color': GREY}
    options = {
        'title': {'text': title, 'left': 0, 'top': 0, 'textStyle': {'fontSize': 13, **text}},
        'legend': {
            'top': 18,
            'left': 0,
            'type': 'scroll',
            'textStyle': text,
            'pageTextStyle': text,
        },
        'grid': {'left': 50, 'right': 10, 'top': 50, 'bottom': 25},
        'textStyle': text,
        # Rich text is drawn, not put into the page: a sender's name is never HTML.
        'tooltip': {'trigger': 'axis', 'renderMode': 'richText', 'backgroundColor': '#fefefe'},
        'animation': False,
        'xAxis': {'type': 'category', 'data': [], 'axisLabel': text},
        'yAxis': {
            'type': 'value',
            'axisLabel': text,
            'splitLine': {'lineStyle': {'color': GREY, 'opacity': 0.3}},
        },
        'series': [],
    }
    return (
        ui.echart(options, renderer='svg')
        .classes('plot')
        .props(f'role=img tabindex=0 aria-label="{title}"')
        .style(f'height: {height}')
    )


def _plot(chart: Any, times: list[str], lines: dict[str, list[Any]], **style: str) -> None:
    chart.options['xAxis']['data'] = times
    chart.options['series'] = [
        {'name': name, 'data': data, 'showSymbol': True, 'color': colour_of(name), **style}
        for name, data in lines.items()
    ]
    chart.update()
