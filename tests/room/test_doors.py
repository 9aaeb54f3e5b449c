"""Each door of the room, tried from outside."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from connection.addresses import address_of_this_machine
from room.addresses import is_local
from room.origins import Origins, parse_origin
from room.visitors import Visitor, Visitors
from tests.support.room_packets import raw_page
from tests.support.rooms import TEACHER, cookies, eventually, get, open_room  # noqa: F401

# ruff: noqa: F811 - a fixture is imported, and named again by each test that uses it
OpenRoom = Callable[..., Any]
POLLING = '/_nicegui_ws/socket.io/?EIO=4&transport=polling'
WEB_SOCKET = '/_nicegui_ws/socket.io/?EIO=4&transport=websocket'
UPGRADE = {
    'Upgrade': 'websocket',
    'Connection': 'Upgrade',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': base64.b64encode(b'0123456789abcdef').decode(),
}


def test_another_sites_page_cannot_speak_to_the_room(open_room: OpenRoom) -> None:
    """Web socket and polling are for the room's own pages, and for those named by --origin.

    CORS is off: no answer lets another site read it.
    """
    port, _ = open_room('--origin', 'https://room.example')
    own, other = f'http://127.0.0.1:{port}', 'http://evil.example'
    for origin, page, status in (
        (own, 200, 101),
        ('https://room.example', 200, 101),
        (other, 403, 403),
        ('null', 403, 403),
        (f'http://127.0.0.1:{port + 1}', 403, 403),
    ):
        asked = get(port, POLLING, Origin=origin)
        assert asked[0] == page, origin
        assert not [name for name in asked[1] if name.lower().startswith('access-control-')]
        assert get(port, WEB_SOCKET, Origin=origin, **UPGRADE)[0] == status, origin
    assert get(port, '/', Host='room.example')[0] == 200
    assert get(port, '/', Host='evil.example')[0] == 421


def test_a_room_for_others_has_its_own_names_only(open_room: OpenRoom) -> None:
    """Also with a pass phrase another host name is refused; the address one connects to is not."""
    port, _ = open_room('--host', '0.0.0.0')
    assert get(port, '/', Host=f'evil.example:{port}')[0] == 421
    assert get(port, '/', Host=f'localhost:{port}')[0] == 401
    own = address_of_this_machine()
    assert get(port, '/', to=own)[0] == 401
    assert get(port, '/', Host='192.0.2.1')[0] == 421


def test_origins_are_read_as_people_write_them() -> None:
    """Standard ports, a slash at the end and capitals make no difference; what is none is told."""
    assert parse_origin('HTTPS://Room.Example:443/') == 'https://room.example'
    assert parse_origin('http://[::1]:8000') == 'http://[::1]:8000'
    for text in ('room.example', 'ftp://room.example', 'http://room.example/path', 'http://'):
        with pytest.raises(ValueError, match='is not an origin'):
            parse_origin(text)
    known = Origins()
    assert known.has_host('192.0.2.7:8000', '192.0.2.7')
    assert not known.has_host('192.0.2.7:8000', '192.0.2.8')
    assert is_local('127.0.0.3')
    assert not known.has_host('127.0.0.3:8000', '127.0.0.3')


def test_every_answer_says_what_a_browser_may_do(open_room: OpenRoom) -> None:
    """A policy, `nosniff` and `Referrer-Policy` are with the page, a refusal and a file."""
    port, _ = open_room()
    for path, headers in (('/', {}), ('/nothing', {}), ('/', {'Host': 'evil.example'})):
        _, said, _ = get(port, path, **headers)
        policy = said['Content-Security-Policy']
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert '*' not in policy
        assert 'http' not in policy
        assert said['X-Content-Type-Options'] == 'nosniff'
        assert said['Referrer-Policy'] == 'no-referrer'
        assert said['X-Frame-Options'] == 'DENY'
        assert 'Server' not in said


def test_the_teacher_is_who_has_the_token(open_room: OpenRoom) -> None:
    """Who comes from this machine, or says so, is a visitor; the printed link makes a teacher."""
    port, _ = open_room()
    assert "The buttons are the teacher's" in get(port, '/')[2]
    for name in ('X_Forwarded_For', 'X_Real_Ip'):
        assert "The buttons are the teacher's" in get(port, '/', **{name: '127.0.0.1'})[2]
    assert get(port, f'/?teach={TEACHER}x')[0] == 401
    opened = get(port, f'/?teach={TEACHER}')
    assert opened[0] == 303
    assert TEACHER not in cookies(opened)
    assert "The buttons are the teacher's" not in get(port, '/', Cookie=cookies(opened))[2]
    wrong = f'room-{port}-teacher=guessed'
    assert "The buttons are the teacher's" in get(port, '/', Cookie=wrong)[2]


def test_the_printed_link_is_the_teachers(
    open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the room prints at its start opens the teacher's page, also without the pass phrase."""
    port, process = open_room('--host', '0.0.0.0')
    line = ''
    while '/?teach=' not in line:
        line = process.stdout.readline()
        assert line, 'the room ended'
    path = '/' + line.strip().rpartition('/')[2]
    status, headers, _ = opened = get(port, path)
    assert (status, headers['Location']) == (303, '/')
    assert get(port, '/', Cookie=cookies(opened))[0] == 200


def test_proxy_headers_are_not_believed(open_room: OpenRoom) -> None:
    """Guesses count for who made them, whatever address is claimed; no prefix is taken over."""
    port, _ = open_room('--host', '0.0.0.0')
    guesses = [
        get(port, f'/?pass={number}', X_Forwarded_For=f'198.51.100.{number}')[0]
        for number in range(12)
    ]
    assert guesses == [401] * 10 + [429] * 2
    opened = get(port, f'/?teach={TEACHER}', source='127.0.0.2')
    _, _, page = get(
        port, '/', Cookie=cookies(opened), X_Forwarded_Prefix='/evil', X_Forwarded_Proto='https'
    )
    assert '/evil' not in page


def test_two_rooms_on_one_host_do_not_log_each_other_out(
    open_room: OpenRoom, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A browser sends one room's cookies to the other, too: with both, it is in both rooms."""
    jar = []
    ports = []
    for phrase in ('tame otters', 'wild otters'):
        monkeypatch.setenv('ROOM_PASS_PHRASE', phrase)
        port, _ = open_room('--host', '0.0.0.0')
        ports.append(port)
        jar.append(cookies(get(port, f'/?pass={phrase.replace(" ", "%20")}')))
    names = [each.partition('=')[0] for each in jar]
    assert len(set(names)) == 2
    for port in ports:
        assert get(port, '/', Cookie='; '.join(jar))[0] == 200


# What the teacher's buttons would do is said instead.
SAY = (
    'from room.programs import Programs; '
    'Programs.start = lambda self, program: print("STARTED", program.name, flush=True); '
    'Programs.stop_all = lambda self: print("STOPPED", flush=True)'
)


def test_a_visitors_packets_press_no_button_of_the_teachers(open_room: OpenRoom) -> None:
    """What a page does not offer, its web socket does not do; nor does another page's name."""
    port, process = open_room(before=SAY)
    with raw_page(port, f'/?teach={TEACHER}') as teacher:
        with raw_page(port) as visitor:
            for name in ('teach-counter', 'stop-all', 'make-three'):
                visitor.event(name, None)
            number, button = teacher.find('teach-nonsense')
            click = {'id': number, 'listener_id': button['events'][0]['listener_id'], 'args': []}
            visitor.packet('event', {**click, 'client_id': teacher.client_id})
            assert 'Move it' not in visitor.page
            assert 'let-in' not in visitor.page
        with (
            pytest.raises((ConnectionRefusedError, OSError)),
            raw_page(port, client_id=teacher.client_id),
        ):
            pass
        teacher.event('teach-spammer', None)
        said = ''
        while 'STARTED' not in said:
            line = process.stdout.readline()
            assert line, 'the room ended'
            said += line
    assert 'STARTED spammer' in said, 'not even the teacher could'
    assert 'STOPPED' not in said
    assert "Refused: a visitor's connection to the teacher's page" in said


PACKETS: tuple[tuple[Any, ...], ...] = ((), (None,), ([],), ('x',), ({'client_id': 'nobody'},))


def test_what_cannot_be_read_is_one_line(open_room: OpenRoom) -> None:
    """Packets that no page sends are a line each, bounded in number, and disturb nobody."""
    port, process = open_room()
    with raw_page(port) as page:
        page.event('log-picture', 'x', kind='inspect')
        page.event('lane-topic', {'value': 'x'})
        for kind in ('event', 'javascript_response', 'ack', 'log', 'handshake', 'nothing'):
            for args in PACKETS:
                page.packet(kind, *args)
        for text in ('42notjson', '42[]', '451-["event",{"_placeholder":true,"num":5}]'):
            page.line.send(text)
        with pytest.raises(ConnectionClosed):  # at the last of them, when all are dealt with
            eventually(lambda: page.line.recv(10) is None)
    assert get(port, '/')[0] == 200
    process.terminate()
    said, _ = process.communicate(timeout=15)
    assert 'Traceback' not in said
    lines = said.splitlines()
    assert any(line.startswith('Refused: a packet') for line in lines), said
    assert any('log_picture.py' in line for line in lines), said
    assert len(lines) < 35, said
    assert max(map(len, lines)) < 400


def test_who_is_muted_or_put_out() -> None:
    """The teacher is neither. An address counts, unless it may be that of a forwarder."""
    visitors = Visitors()
    ann, bob = Visitor('a' * 32, '192.0.2.1'), Visitor('b' * 32, '192.0.2.2')
    teacher = Visitor('c' * 32, '192.0.2.1', is_teacher=True)
    for each in (ann, teacher):
        visitors.mute(each)
        visitors.put_out(each)
    assert [visitors.is_muted(each) for each in (ann, bob, teacher)] == [True, False, False]
    assert [visitors.is_out(each) for each in (ann, bob, teacher)] == [True, False, False]
    assert visitors.is_out(Visitor('d' * 32, '192.0.2.1')), 'the same phone without its cookie'
    visitors.let_in(ann)
    visitors.mute(ann, muted=False)
    assert not visitors.is_out(ann)
    assert not visitors.is_muted(ann)
    here = Visitor('e' * 32, '127.0.0.1')
    visitors.put_out(here)
    assert visitors.is_out(here)
    assert not visitors.is_out(Visitor('f' * 32, '127.0.0.1'))
