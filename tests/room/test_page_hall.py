"""The room on a wall, on a tablet, on a phone, by keyboard, and for who sees little or nothing."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from producer import flush, send_msg
from tests.support.axe import RUN, axe_core
from tests.support.contrast import FAINT, SMALLEST
from tests.support.rooms import (  # noqa: F401
    ALERTS,
    TALK,
    Browser,
    eventually,
    get,
    needs_chromium,
    open_room,
)

# ruff: noqa: F811 - a fixture is imported, and named again by each test that uses it
pytestmark = [
    pytest.mark.browser,
    pytest.mark.broker,
    pytest.mark.slow,
    pytest.mark.usefixtures('settings_here'),
]
WALL, TABLET, PHONE, ACROSS = (1920, 1080), (768, 1024), (390, 844), (844, 390)
PHRASE = 'tame-otters-7'
# What can be pressed and is in sight, and smaller than a finger.
SMALL = """
const press = 'button, input, textarea, [role=button], [role=tab], [role=checkbox], select';
return [...document.querySelectorAll(press)]
  .filter(each => each.checkVisibility({visibilityProperty: true}))
  .map(each => each.closest('.q-field__control, .q-checkbox') || each)
  .map(each => [each.className, each.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.height < 43.5 || box.width < 43.5))
  .map(([name, box]) => [name, box.width, box.height]);
"""
OUTLINE = """
const at = document.activeElement;
const drawn = each => {
  const style = getComputedStyle(each);
  return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
};
const field = at.closest('.q-field');
if (at === document.body) return ['', true];
const name = `${at.tagName} ${at.className} ${at.dataset.key || ''}`;
return [name, drawn(at) || Boolean(field && drawn(field))];
"""
STYLE = """
return parseFloat(getComputedStyle(document.querySelector(arguments[0]))[arguments[1]]);
"""
BOX = """
const box = document.querySelector(arguments[0]).getBoundingClientRect();
return [box.left, box.top, box.width, box.height];
"""


def _resize(browser: Browser, size: tuple[int, int], mobile: bool = False) -> None:
    width, height = size
    screen = {'width': width, 'height': height, 'deviceScaleFactor': 1, 'mobile': mobile}
    browser.driver.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', screen)
    eventually(lambda: browser.js('return [innerWidth, innerHeight]') == [width, height])


@pytest.fixture
def one(two: tuple[Browser, Browser]) -> Iterator[Browser]:
    """A visitor whose screen changes; afterwards all is as before. Somebody has been noticed."""
    browser, _ = two
    for number in range(25):
        sender = ('amelia', 'bob', 'green', 'dizzy')[number % 4]
        send_msg(TALK, {'sender': sender, 'contents': f'hall {number}'})
    flush()
    message = {'sender': 'amelia', 'contents': 'hall 24'}
    alert = {'alert_type': 'hall', 'alert_message': 'heard', 'triggered_by': message}
    send_msg(ALERTS, alert, block=True)
    browser.sees('hall 24')
    browser.sees('heard', '.alert')
    yield browser
    browser.driver.execute_cdp_cmd('Emulation.clearDeviceMetricsOverride', {})
    _look(browser, dark=False)
    _present(browser, on=False)
    browser.js('localStorage.removeItem("room-dark")')


def _look(browser: Browser, dark: bool) -> None:
    if browser.js('return document.documentElement.classList.contains("dark-page")') != dark:
        browser.click('.dark-mode')
    eventually(lambda: browser.js('return document.body.classList.contains("body--dark")') == dark)


def _present(browser: Browser, on: bool) -> None:
    if browser.js('return document.documentElement.classList.contains("presenting")') != on:
        browser.click('.present')


def _sideways(browser: Browser) -> int:
    return int(browser.js('return document.documentElement.scrollWidth - innerWidth'))


def _is_legible(browser: Browser, axe: str, where: str, *without: str) -> None:
    """Light and dark: every text has its contrast, and axe-core finds nothing serious.

    Its rules `without` are left out.
    """
    for dark in (False, True):
        _look(browser, dark)
        _settled(browser)
        assert browser.js(FAINT) == [], f'{where}, dark: {dark}'
        browser.js(axe)
        found = browser.driver.execute_async_script(RUN, without)
        assert found == [], f'{where}, dark: {dark}'


def _settled(browser: Browser) -> None:
    """No colour is on its way to another one."""
    eventually(
        lambda: browser.js(
            'return document.getAnimations().every(each => each.playState !== "running" || '
            'each.effect.getComputedTiming().iterations === Infinity)'
        )
    )


def test_a_class_reads_the_wall_from_the_back_row(one: Browser) -> None:
    """Presenting, all text is 24 pixels and more at 1080p, and the log has the whole width."""
    _resize(one, WALL)
    _present(one, on=True)
    for title in ('Topics', 'Read again', 'Plots', 'Teach', 'Groups'):
        one.open_tab(title)
        eventually(lambda: one.js(SMALLEST, 'body')[0][0] >= 24)
    _, top, width, height = one.js(BOX, '.log')
    assert width > 1850
    assert top < one.js(BOX, '.talk')[1], 'the log is in front'
    assert height > 400
    last = one.js(BOX, '.send')
    assert last[1] + last[3] <= 1080
    assert _sideways(one) <= 0
    one.picture('room-presenting.png')
    one.driver.refresh()
    eventually(lambda: one.js('return document.documentElement.classList.contains("presenting")'))
    _present(one, on=False)


def test_a_phone_has_the_chat_and_the_rest_as_sheets(one: Browser) -> None:
    """Upright and across: a wide field, large enough for thumbs; one part at a time, and no more.

    One thing scrolls: not the page.
    """
    for size in (PHONE, ACROSS):
        _resize(one, size, mobile=True)
        assert one.js(BOX, '.text textarea')[2] >= 300
        assert one.js(STYLE, '.text textarea', 'fontSize') >= 16
        for part, shown in (('alerts', '.alert-part'), ('log', '.log'), ('info', '.info')):
            one.click(f'.sheet-{part}')
            one.js('document.activeElement.blur()')
            eventually(partial(_shows, one, shown))
            assert one.js(SMALL) == []
            assert _sideways(one) <= 0
            one.picture(f'room-phone-{part}.png') if size == PHONE else None
        _key(one, 'ESCAPE')
        eventually(partial(_shows, one, '.chat-frame'))
        assert one.js(SMALL) == []
        assert one.js('return document.documentElement.scrollHeight <= innerHeight')
        bottom = one.js(BOX, '.send')
        assert bottom[1] + bottom[3] <= size[1]
        one.picture(f'room-phone{"" if size == PHONE else "-across"}.png')


def _shows(browser: Browser, only: str) -> bool:
    """Whether one part of the page is in sight, and the others are not."""
    parts = ['.chat-frame', '.alert-part', '.log', '.info']
    seen = 'document.querySelector(part).checkVisibility({visibilityProperty: true})'
    return bool(browser.js(f'return arguments[0].filter(part => {seen})', parts) == [only])


def _key(browser: Browser, *names: str) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    for name in names:
        ActionChains(browser.driver).send_keys(getattr(Keys, name)).perform()


def test_a_tablet_has_the_columns_of_a_desktop(one: Browser) -> None:
    """At 768 pixels the chat, the log and the panels are beside each other, for fingers."""
    _resize(one, TABLET, mobile=True)
    talk, log, info = (one.js(BOX, part) for part in ('.talk', '.log', '.info'))
    assert talk[0] + talk[2] <= log[0]
    assert log[1] + log[3] <= info[1]
    assert info[0] == log[0]
    assert one.js(BOX, '.sheets')[3] == 0
    assert one.js(BOX, '.text textarea')[2] >= 200
    assert one.js(SMALL) == []
    assert _sideways(one) <= 0
    one.picture('room-tablet.png')


def test_everything_is_reached_by_keyboard(one: Browser) -> None:
    """Tab reaches each part, where it is one sees, and arrows go from bubble to bubble.

    Enter opens a message, an alert, a cell.
    """
    _resize(one, (1500, 1000))
    one.open_tab('Groups')
    one.js('document.activeElement.blur(); document.querySelector(".present").focus()')
    stops: list[tuple[str, bool]] = []
    while len(stops) < 60 and not (stops and 'present' in stops[-1][0]):
        _key(one, 'TAB')
        stops.append(one.js(OUTLINE))
    assert [name for name, seen in stops if not seen and name] == []
    names = ' '.join(name for name, _ in stops)
    for part in ('alert', 'bubble', 'send', 'cell', 'q-tab', 'dark-mode'):
        assert re.search(rf'\b{part}\b', names), f'Tab does not reach {part}: {names}'
    assert len(re.findall(r'\bbubble\b', names)) == 1, f'one stop for all: {names}'

    focus = 'document.querySelector(arguments[0]).focus()'
    offset = 'return document.activeElement.dataset.offset'
    for selector, back in (
        ('.bubble[tabindex="0"]', 'ARROW_UP'),
        ('.cell[tabindex="0"]', 'ARROW_LEFT'),
    ):
        one.js(focus, selector)
        first = int(one.js(offset))
        _key(one, back)
        before = int(one.js(offset))
        assert before != first
        _key(one, 'ENTER')
        one.sees(f'offset {before}', '.record-title')
        _key(one, 'ESCAPE')
        _closed(one)
    one.js(focus, '.alert')
    _key(one, 'SPACE')
    one.sees('alerts · partition', '.record-title')
    _key(one, 'ESCAPE')
    _closed(one)
    one.js('document.activeElement.blur()')


def _closed(browser: Browser) -> None:
    eventually(lambda: not browser.js('return document.querySelector(".record-dialog")'))


def test_who_does_not_see_hears_what_is_new(one: Browser) -> None:
    """The page has a language, headings, and a polite voice: one sentence for many messages."""
    heard = 'document.querySelector(".voice")'
    assert one.js(f'return getComputedStyle({heard}).display') != 'none'
    assert one.js(f'return {heard}.role') == 'status'
    one.js(
        f'window.said = []; new MutationObserver(() => said.push({heard}.textContent))'
        f'.observe({heard}, {{childList: true}})'
    )
    for number in range(20):
        send_msg(TALK, {'sender': 'amelia', 'contents': f'listen {number}'})
    flush()
    eventually(lambda: one.js('return said.some(each => each.includes("listen 19"))'))
    assert len(one.js('return said')) <= 3
    last = one.js('return said.at(-1)')
    assert re.fullmatch(r'\d+ new messages, the last by amelia: listen 19', last)
    assert one.js('return document.documentElement.lang').startswith('en')
    assert {'The room', 'Alerts', 'The log'} <= set(one.texts('[role=heading]'))


def test_light_or_dark_is_kept_and_reaches_the_scrollbars(one: Browser) -> None:
    """The choice survives a reload, and is the browser's, too; without one the system's counts."""
    scheme = 'return getComputedStyle(document.documentElement).colorScheme'
    for dark, name in ((True, 'dark'), (False, 'light')):
        _look(one, dark)
        one.driver.refresh()
        eventually(partial(one.js, f'{scheme} === {name!r}'))
        eventually(lambda: one.js('return document.querySelector(".name input")?.value'))
    eventually(partial(one.js, 'return document.querySelector(".lane-strip")'))
    calm = {'features': [{'name': 'prefers-reduced-motion', 'value': 'reduce'}]}
    one.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', calm)
    assert one.js(STYLE, '.lane-strip', 'transitionDuration') < 0.01
    one.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': []})
    eventually(
        lambda: one.js(STYLE, '.lane-strip', 'transitionDuration') > 0.1
    )  # a lane that was just drawn anew does not move


def test_every_view_is_legible(one: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Contrast of AA for each text of each view, light and dark; so finds axe-core."""
    axe = axe_core(tmp_path_factory.mktemp('axe'))
    _resize(one, (1500, 1000))
    for title in ('Topics', 'Read again', 'Plots', 'Teach', 'Groups'):
        one.open_tab(title)
        one.sees(title, '.q-tab--active')
        _is_legible(one, axe, title)
    one.click('.bubble')
    one.sees('offset', '.record-title')
    # axe-core takes the backdrop for the ground of some buttons, though the card is above it and
    # opaque; FAINT computes their contrast by the card.
    _is_legible(one, axe, 'a record', 'color-contrast')
    one.click('.record-dialog .close')
    _closed(one)
    _resize(one, WALL)
    _present(one, on=True)
    _is_legible(one, axe, 'presenting')
    _present(one, on=False)
    _resize(one, PHONE, mobile=True)
    for part in ('alerts', 'log', 'info', ''):
        one.click(f'.sheet-{part}')
        _is_legible(one, axe, f'phone {part}')


def test_the_way_in_is_the_largest_text_and_any_spelling_will_do(
    open_room: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pass page fits a phone, light and dark; the join dialog has nothing larger beside it."""
    needs_chromium()
    monkeypatch.setenv('ROOM_PASS_PHRASE', PHRASE)
    port, _ = open_room('--host', '0.0.0.0')
    assert get(port, '/?pass=Tame%20Otters%20%207')[0] == 303
    assert get(port, '/?pass=TAMEOTTERS7')[0] == 303
    assert get(port, '/?pass=tame-otters-8')[0] == 401
    visitor = Browser(tmp_path, 800, 600)
    try:
        for colours in ('light', 'dark'):
            media = {'features': [{'name': 'prefers-color-scheme', 'value': colours}]}
            visitor.driver.execute_cdp_cmd('Emulation.setEmulatedMedia', media)
            visitor.driver.get(f'http://127.0.0.1:{port}/')
            _resize(visitor, PHONE, mobile=True)
            ground = visitor.js('return getComputedStyle(document.body).backgroundColor')
            assert ground == ('rgb(18, 18, 18)' if colours == 'dark' else 'rgb(255, 255, 255)')
            assert visitor.js(FAINT) == []
            assert visitor.js(SMALL) == []
            assert _sideways(visitor) <= 0
            visitor.picture(f'room-pass-{colours}.png')
        from selenium.webdriver.common.by import By
        from selenium.webdriver.common.keys import Keys

        visitor.driver.find_element(By.NAME, 'pass').send_keys('tame OTTERS 7', Keys.ENTER)
        visitor.sees('disconnected', '.state')
        for size in (WALL, PHONE):
            _resize(visitor, size, mobile=size == PHONE)
            visitor.click('.join')
            visitor.sees(PHRASE, '.phrase')
            largest = SMALLEST.replace('one[0] - other[0]', 'other[0] - one[0]')
            assert visitor.js(largest, 'body')[0][1] in (PHRASE, visitor.texts('.link')[0])
            assert visitor.js(largest, 'body')[0][0] >= (80 if size == WALL else 20)
            assert _sideways(visitor) <= 0
            card = 'const card = document.querySelector(".join-card"); '
            assert visitor.js(f'{card} return card.scrollWidth <= card.clientWidth')
            _settled(visitor)
            assert visitor.js(FAINT) == []
            visitor.picture('room-join.png') if size == WALL else None
            visitor.click('.join-card .close')
            eventually(lambda: not visitor.js('return document.querySelector(".join-card")'))
    finally:
        visitor.driver.quit()
