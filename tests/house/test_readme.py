"""The README says what is there: commands, files, settings, links; and keeps its own promises.

Its code is run by conftest.py.
"""

import ast
import importlib.util
import inspect
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / 'README.md').read_text(encoding='utf-8')
BLOCKS = re.findall(r'^```(\w*)\n(.*?)^```$', README, re.MULTILINE | re.DOTALL)
PYTHON = [text for kind, text in BLOCKS if kind == 'python']
SHELL = '\n'.join(text for kind, text in BLOCKS if kind in ('sh', 'powershell'))
PROSE = ' '.join(re.sub(r'^```.*?^```$', '', README, flags=re.MULTILINE | re.DOTALL).split())
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
    """The walkthrough has nine steps, and whatever else there is comes after."""
    titles = re.findall(r'^## (.+)$', README, re.MULTILINE)
    numbered = [title for title in titles if title[0].isdigit()]
    assert [int(title.split('.')[0]) for title in numbered] == list(range(1, 10))
    assert titles[: titles.index(numbered[0])] == ['Two commands', 'By hand']
    assert titles[titles.index(numbered[0]) :][:9] == numbered


def test_commands_are_there() -> None:
    """Each `make` target and each `python -m` module exists.

    So does each file that is copied or installed from.
    """
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    targets = re.findall(r'^([a-z-]+):', makefile, re.MULTILINE)
    named = set(re.findall(r'(?:^|`)make ([a-z]+)', README, re.MULTILINE))
    assert {'demo', 'test'} <= named <= set(targets)
    modules = set(re.findall(r'python -m (\w+)', README))
    assert {'broker', 'settings', 'demo'} <= modules
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
    files = re.findall(r'(?:-r|cp|copy) (\S+)', SHELL)
    assert [name for name in files if not (ROOT / name).is_file()] == []


def test_the_tables_of_files_name_all_that_is_there() -> None:
    """The root modules and the packages have a row each, in the order of CONTRIBUTING's tree."""
    contributing = (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8')
    tree = re.search(r'^```text\n(errors\.py.*?)^```$', contributing, re.MULTILINE | re.DOTALL)
    assert tree is not None
    modules = re.findall(r'^(\w+\.py) ', tree[1], re.MULTILINE)
    packages = re.findall(r'^(\w+/) ', tree[1], re.MULTILINE)
    assert _named_in_table('module') == modules
    assert _named_in_table('package') == packages
    there = {path.name for path in ROOT.glob('*.py')} - {'conftest.py'}
    assert set(modules) == there
    assert [name for name in packages if not (ROOT / name / '__init__.py').is_file()] == []


def _named_in_table(head: str) -> list[str]:
    """The files named in the first column of the table whose first column has that head."""
    table = re.search(rf'^\| {head} \|.*\n\| ---.*\n((?:\|.*\n)+)', README, re.MULTILINE)
    assert table is not None
    cells = [row.split('|')[1] for row in table[1].splitlines()]
    return [name for cell in cells for name in re.findall(r'`(\w+(?:\.py|/))`', cell)]


def test_what_it_says_about_sizes_is_true() -> None:
    """No module is longer than the README says."""
    said = re.search(r'none has more than (\d+) lines', PROSE)
    assert said is not None
    for path in MODULES:
        assert len(path.read_text(encoding='utf-8').splitlines()) <= int(said[1]), path


@pytest.mark.parametrize(
    'page', ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'docs/scaling.md', '.env.example']
)
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
    table = re.findall(row, README, re.MULTILINE)
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
        | {'KAFKA_PREFIX'}
        | set(re.findall(r"'(WORKSHOP_\w+)'", source))
    )
    assert [name for name in names if name not in known] == []
    assert dict(table)['`KAFKA_BOOTSTRAP_SERVERS`'] == f'`{settings.DEFAULT_SERVERS}`'


def test_links_lead_somewhere() -> None:
    """Links within the repository lead to a file, a heading or a picture that is there."""
    for target in re.findall(r'\]\((?!https?:)([^)]+)\)', README):
        file, _, heading = target.partition('#')
        text = README if not file else (ROOT / file).read_text(encoding='utf-8', errors='replace')
        if heading:
            headings = [
                re.sub(r'[^\w -]', '', title).strip().lower().replace(' ', '-')
                for title in re.findall(r'^#+ (.+)$', text, re.MULTILINE)
            ]
            assert heading in headings, target


def test_a_service_of_ones_own_is_short() -> None:
    """The learner's own durable service, state and all, has at most 25 lines."""
    (own,) = [text for text in PYTHON if re.search(r'class \w+\(AlertService\)', text)]
    assert len(own.splitlines()) <= 25
    assert 'new_state' in own


def test_names_in_code_are_those_of_the_library() -> None:
    """What the README's code imports from a module of ours is in its `__all__`."""
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
