"""The README and the pages of docs/ say what is there, and keep their own promises.

Their code is run by conftest.py.
"""

import ast
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / 'README.md').read_text(encoding='utf-8')
PAGES = {  # in the order in which they are read
    page: (ROOT / page).read_text(encoding='utf-8')
    for page in (
        'README.md',
        'docs/services.md',
        'docs/exactly-once.md',
        'docs/break-it.md',
        'docs/room.md',
        'docs/class.md',
        'docs/your-own-kafka.md',
        'docs/classroom.md',
        'docs/how-fast.md',
        'docs/scaling.md',
    )
}
TEXT = '\n'.join(PAGES.values())
BLOCKS = re.findall(r'^```(\w*)\n(.*?)^```$', TEXT, re.MULTILINE | re.DOTALL)
PYTHON = [text for kind, text in BLOCKS if kind == 'python']
SHELL = '\n'.join(text for kind, text in BLOCKS if kind == 'sh')
PROSE = ' '.join(re.sub(r'^```.*?^```$', '', TEXT, flags=re.MULTILINE | re.DOTALL).split())
MODULES = [
    *ROOT.glob('*.py'),
    *(path for path in ROOT.glob('*/*.py') if path.parent.name not in ('tests', '.venv', 'mine')),
]
INTERFACE = """\
from producer import send_msg
promise = send_msg(topic='human-messages', key='red', value={'some': 'dict'})
promise.succeeded()
import consumer
c = consumer.get_consumer('human-messages')
for msg in c:
    print("{} said: {}".format(msg.value['sender'], msg.value['contents']))
from simulators import NonsenseSimulator
sim = NonsenseSimulator(topic='human-messages', key='green', delay=0.5)
sim.simulate()
from alerts import ThrottlingAlertService
throttlealertservice = ThrottlingAlertService(monitor_topic='human-messages', alert_topic='alerts')
throttlealertservice.monitor()
""".splitlines()
IN_ONE_LINE = (
    "NonsenseSimulator(topic='human-messages', key='green', delay=0.5).simulate()",
    "ThrottlingAlertService(monitor_topic='human-messages', alert_topic='alerts').monitor()",
)

# What a newcomer has not heard of: what it is called, and words of the clause that explains it.
GLOSSARY = {
    'log': (r'logs?', 'append'),
    'broker': (r'brokers?', 'server'),
    'promise': (r'promises?', 'tell'),
    'replica': (r'replicas?', 'copy'),
    'topic': (r'topics?', 'name of a log'),
    'value': (r'value', 'message itself'),
    'key': (r'keys?', 'belong together'),
    'consumer': (r'consumers?', 'reads'),
    'record': (r'records?', 'message with all'),
    'partition': (r'partitions?', 'part of the topic'),
    'offset': (r'offsets?', 'number'),
    'schema': (r'schemas?', 'agreement'),
    'group_id': (r'group_ids?', 'name under which Kafka remembers'),
    'committed': (r'commit(?:s|ted)?', 'written down'),
    'transaction': (r'transactions?', 'both or neither'),
    'compacted': (r'compact(?:s|ed|ion)?', 'newest record'),
    'idempotent': (r'idempoten(?:t|ce)', 'changes nothing'),
    'durable': (r'durable', 'remembers'),
    'group': (r'groups?', 'share'),
    'rebalance': (r'rebalances?', 'changes'),
    'dead-letter topic': (r'dead-letter topics?', 'put aside'),
    'cluster': (r'clusters?', 'one Kafka'),
    'quorum': (r'quorum', 'half'),
    'lag': (r'lag', 'behind'),
}


def test_the_interface_is_shown_in_order() -> None:
    """The lines that the workshop is known for stand in the walkthrough as they are, in order."""
    position = 0
    code = '\n'.join(PYTHON)
    for line in INTERFACE:
        position = code.find(f'{line}\n', position)
        assert position >= 0, line
    for line in IN_ONE_LINE:
        assert f'`{line}`' in PROSE


def test_the_nine_steps_come_first_and_in_order() -> None:
    """After the set-up the walkthrough has nine steps, and after them only where to go on."""
    titles = re.findall(r'^## (.+)$', README, re.MULTILINE)
    assert [title.split()[0] for title in titles[1:-1]] == [f'{step}.' for step in range(1, 10)]
    assert titles[0].startswith('Set-up')
    assert titles[-1] == 'Where to go on'
    assert len(README.splitlines()) <= 400


def test_each_step_names_its_time_and_the_path_takes_45_minutes() -> None:
    """Set-up, steps 1 to 7 and "A bot that listens" are said to take 45 minutes in all."""
    headings = re.findall(
        r'^###? (?:(\d)\. )?(.+?) \((\d+)( of the 45)? minutes', README, re.MULTILINE
    )
    path = [(number or title, int(time)) for number, title, time, of_45 in headings if of_45]
    assert [step for step, _ in path] == ['Set-up', *'1234567', 'A bot that listens']
    assert sum(time for _, time in path) == 45
    assert [number for number, *_ in headings if number] == list('123456789')
    assert README.index('**Here the 45-minute path ends.**') > README.index(
        '### A bot that listens'
    )


@pytest.mark.parametrize(
    'page', [page for page in PAGES if page not in ('README.md', 'docs/scaling.md')]
)
def test_each_page_says_how_long_it_takes(page: str) -> None:
    """The first line under a page's title is its time."""
    assert re.match(r'# .+\n\n\*\d+ minutes', PAGES[page])


@pytest.mark.parametrize('term', GLOSSARY)
def test_a_term_is_explained_where_it_is_first_used(term: str) -> None:
    """Its first use is in bold type, in the paragraph that says what it is.

    If code comes first, the explanation follows before any other code.
    """
    name, clause = GLOSSARY[term]
    page = next(page for page in PAGES.values() if re.search(rf'\*\*{name}\*\*', page))
    for earlier in list(PAGES.values())[: list(PAGES.values()).index(page)]:
        assert _first_use(name, _seen(earlier)) is None, 'it is used on an earlier page'
    seen = _seen(page)
    defined = re.search(rf'\*\*{name}\*\*', seen)
    assert defined is not None
    in_prose = _first_use(name, re.sub(r'^```.*?^```$', _blank, seen, flags=CODE))
    assert in_prose == defined.start() + 2
    in_code = _first_use(name, seen)
    assert in_code is not None
    assert in_code == in_prose or seen[in_code : defined.start()].count('```') == 1
    paragraph = seen[seen.rfind('\n\n', 0, in_prose) : seen.find('\n\n', in_prose)]
    assert clause in ' '.join(paragraph.split())


CODE = re.MULTILINE | re.DOTALL


def _blank(match: re.Match[str]) -> str:
    return ' ' * len(match[0])


def _seen(page: str) -> str:
    """A page without what no reader sees, and the targets of links; nothing else moves."""
    return re.sub(r'<!--.*?-->|\]\([^)]*\)|https?:\S+', _blank, page, flags=re.DOTALL)


def _first_use(name: str, text: str) -> int | None:
    found = re.search(rf'(?<![\w.-]){name}(?![\w-])', text, re.IGNORECASE)
    return found and found.start()


def test_behind_is_said_of_lag_only() -> None:
    """One word for one thing: what is behind has records still to read."""
    for page, text in PAGES.items():
        for found in re.finditer(r'\bbehind\b', text):
            assert 'lag' in text[found.start() - 60 : found.end() + 60], (page, found)


def test_commands_are_there() -> None:
    """Each `make` target and each `python -m` module exists.

    So does each file that is copied or installed from.
    """
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    targets = re.findall(r'^([a-z-]+):', makefile, re.MULTILINE)
    named = set(re.findall(r'(?:^|`)make ([a-z]+)', TEXT, re.MULTILINE))
    assert {'demo', 'exercise', 'room', 'bench'} <= named <= set(targets)
    modules = set(re.findall(r'python -m (\w+)', TEXT)) - {'mine'}  # the reader's own
    assert {'broker', 'settings', 'walkthrough', 'deadletters'} <= modules
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
    files = re.findall(r'(?:-r|cp|copy) (\S+)', SHELL)
    assert [name for name in files if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize('page', [*PAGES, 'CONTRIBUTING.md', 'CHANGELOG.md', '.env.example'])
def test_pages_have_100_columns(page: str) -> None:
    """No line of the pages is longer than 100 characters, apart from the rows of tables."""
    lines = (ROOT / page).read_text(encoding='utf-8').splitlines()
    assert [line for line in lines if len(line) > 100 and not line.startswith('|')] == []


def test_files_that_contributing_names_are_there() -> None:
    """Where CONTRIBUTING says that something new goes, there is a file or a folder."""
    text = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    named = re.findall(r'`([\w./-]+(?:\.py|\.txt|\.md|/))`', text)
    assert {'simulators.py', 'alerts.py', 'room/panels.py', 'settings.py', 'client/'} <= set(named)
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_settings_in_the_table_are_settings() -> None:
    """Each variable of the settings table is one that the code knows.

    Those with a fixed default have that default.
    """
    import kafka

    import settings
    from connection.heroku import HEROKU_VARIABLES

    row = r'^\| (`(?:KAFKA|WORKSHOP)_[^|]*) \|[^|]*\| ([^|]*) \|$'
    table = re.findall(row, PAGES['docs/your-own-kafka.md'], re.MULTILINE)
    names = [name for row, _ in table for name in re.findall(r'`(\w+)`', row)]
    assert len(names) >= 15
    options = {
        f'KAFKA_{option}'.upper()
        for option in kafka.KafkaConsumer.DEFAULT_CONFIG | kafka.KafkaProducer.DEFAULT_CONFIG
    }
    source = ''.join(path.read_text(encoding='utf-8') for path in MODULES)
    known = (
        options
        | set(HEROKU_VARIABLES)
        | {'KAFKA_PREFIX', 'KAFKA_SHARED_TOPICS'}
        | set(re.findall(r"'(WORKSHOP_\w+)'", source))
    )
    assert [name for name in names if name not in known] == []
    assert dict(table)['`KAFKA_BOOTSTRAP_SERVERS`'] == f'`{settings.DEFAULT_SERVERS}`'


@pytest.mark.parametrize('page', PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """Links within the repository lead to a file, a heading or a picture that is there."""
    for target in re.findall(r'\]\((?!https?:)([^)]+)\)', PAGES[page]):
        file, _, heading = target.partition('#')
        path = (ROOT / page).parent / file if file else ROOT / page
        assert path.exists(), target
        if heading:
            titles = re.findall(r'^#+ (.+)$', path.read_text(encoding='utf-8'), re.MULTILINE)
            assert heading in [
                re.sub(r'[^\w -]', '', title).strip().lower().replace(' ', '-') for title in titles
            ], target


def test_every_page_can_be_reached() -> None:
    """The README has a link to each page of docs/, and all of them are checked here."""
    there = {f'docs/{path.name}' for path in (ROOT / 'docs').glob('*.md')} - {'docs/upstream.md'}
    assert there == PAGES.keys() - {'README.md'}
    assert [page for page in there if f'({page})' not in README] == []


def test_a_service_of_ones_own_is_short() -> None:
    """The learner's own durable service, state and all, has at most 25 lines."""
    (own,) = [text for text in PYTHON if re.search(r'class \w+\(AlertService\)', text)]
    assert len(own.splitlines()) <= 25
    assert 'new_state' in own


def test_names_in_code_are_those_of_the_library() -> None:
    """What the pages' code imports from a module of ours is in its `__all__`."""
    for text in PYTHON:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (ROOT / f'{node.module}.py').is_file():
                module = importlib.import_module(str(node.module))
                names = [alias.name for alias in node.names]
                assert [name for name in names if name not in module.__all__] == []


@pytest.mark.parametrize(
    ('says', 'where', 'what'),
    [
        (
            'a hundred things a minute',
            'alerts.ThrottlingAlertService',
            {'limit': 100, 'duration': 60.0},
        ),
        (
            r'quiet after an alert, by default 0\)',
            'alerts.ThrottlingAlertService',
            {'repeat_interval': 0.0},
        ),
        (
            r"`'latest'` \(the default\)",
            'consumer.get_consumer',
            {'offset': 'latest', 'timeout': None},
        ),
    ],
)
def test_defaults_are_as_said(says: str, where: str, what: dict[str, object]) -> None:
    """What the prose says about a default is the default."""
    assert re.search(says, PROSE)
    module, _, name = where.partition('.')
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    assert {name: parameters[name].default for name in what} == what
