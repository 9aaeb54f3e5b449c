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
PROSE = re.sub(r'^```.*?^```$', '', README, flags=re.MULTILINE | re.DOTALL)
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
    place = 0
    code = '\n'.join(PYTHON)
    for line in INTERFACE:
        found = code.find(f'{line}\n', place)
        assert found >= 0, line
        place = found
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
    targets = re.findall(
        r'^([a-z-]+):', (ROOT / 'Makefile').read_text(encoding='utf-8'), re.MULTILINE
    )
    named = set(re.findall(r'(?:^|`)make ([a-z]+)', README, re.MULTILINE))
    assert {'demo', 'test'} <= named <= set(targets)
    modules = set(re.findall(r'python -m (\w+)', README))
    assert {'broker', 'settings', 'demo'} <= modules
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []
    assert [
        name for name in re.findall(r'(?:-r|cp|copy) (\S+)', SHELL) if not (ROOT / name).is_file()
    ] == []


def test_files_in_the_table_are_there_and_in_order() -> None:
    """The table of files names modules that exist, in the reading order of the whole list in CONTRIBUTING.md."""
    rows = re.findall(r'^\| (`\w+\.py`.*?) \|', README, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r'`(\w+\.py)`', row)]
    whole = re.findall(
        r'^\| `(\w+\.py)` \|', (ROOT / 'CONTRIBUTING.md').read_text(encoding='utf-8'), re.MULTILINE
    )
    assert len(named) >= 10
    assert [name for name in named if not (ROOT / name).is_file()] == []
    assert [name for name in whole if name in named] == [name for name in named if name in whole]


def test_settings_in_the_table_are_settings() -> None:
    """Each variable of the settings table is one that the code knows.

    Those with a fixed default have that default.
    """
    import kafka

    import settings
    from connection import credentials

    table = re.findall(
        r'^\| (`(?:KAFKA|WORKSHOP)_[^|]*) \|[^|]*\| ([^|]*) \|$', README, re.MULTILINE
    )
    names = [name for row, _ in table for name in re.findall(r'`(\w+)`', row)]
    assert len(names) >= 15
    options = {
        f'KAFKA_{option}'.upper()
        for option in kafka.KafkaConsumer.DEFAULT_CONFIG | kafka.KafkaProducer.DEFAULT_CONFIG
    }
    source = ''.join(path.read_text(encoding='utf-8') for path in ROOT.glob('*.py'))
    known = (
        options
        | set(credentials.HEROKU)
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
    """Keyword arguments that the README's code hands to our functions and classes exist."""
    for text in PYTHON:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and (ROOT / f'{node.module}.py').is_file():
                module = importlib.import_module(str(node.module))
                assert [
                    alias.name for alias in node.names if alias.name not in module.__all__
                ] == []


@pytest.mark.parametrize(
    ('says', 'where', 'what'),
    [
        (
            r'a hundred things a\s+minute',
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
