"""What is said of a record's place and of its alerts, without a browser."""

from collections import namedtuple

from kafka import TopicPartition

from room.alert_folds import MOST, AlertFolds
from room.cluster import Snapshot
from room.consumer_groups import Commit, Group
from room.key_partition import partition_of
from room.messages import Message
from room.record_facts import MOST_NODES, json_tree, passed_by, why_here

Record = namedtuple('Record', 'topic partition offset key')


def test_why_a_record_is_in_its_partition() -> None:
    """By its key's hash; by choice; or against its key, and then it says so."""
    number = partition_of('red', 3)[1]
    assert why_here(Record('t', number, 0, b'red'), 3).endswith(f'modulo 3 partitions is {number}')
    assert 'sent there by number' in why_here(Record('t', number + 1, 0, b'red'), 3)
    assert 'no key' in why_here(Record('t', 0, 0, None), 3)


def test_which_groups_have_passed_a_record() -> None:
    """A group has passed what lies before its committed offset."""
    tp = TopicPartition('t', 0)
    groups = [
        Group('ahead', 'Stable', committed={tp: Commit(6)}),
        Group('behind', 'Stable', committed={tp: Commit(5)}),
        Group('elsewhere', 'Stable', committed={TopicPartition('t', 1): Commit(9)}),
    ]
    assert passed_by(Record('t', 0, 5, None), Snapshot(groups=groups)) == [
        'ahead has passed it (committed 6)',
        'behind has not passed it (committed 5)',
    ]


def test_json_is_a_tree_and_nothing_else_is() -> None:
    """Objects, lists and leaves are nodes; a huge value is cut, and bytes are no tree."""
    tree = json_tree(b'{"a": [1, "x\\u001b"], "b": null}')
    assert tree[0]['label'] == '{2}'
    assert [each['label'] for each in tree[0]['children']] == ['a: [2]', 'b: null']
    assert [each['label'] for each in tree[0]['children'][0]['children']] == [
        '0: 1',
        '1: "x\\u001b"',
    ]
    assert len(str(json_tree(b'[' + b'1,' * 5000 + b'1]'))) < 100 * MOST_NODES
    assert json_tree(b'\xff\x00') == json_tree(None) == json_tree(b'[' * 5000) == []


def test_alerts_are_folded_and_the_rare_one_is_not_buried() -> None:
    """However many come about one sender, the one about another keeps its row."""

    def alert(about: str, number: int) -> Message:
        return Message('alerts', 0, number, float(number), 'throttled', 'too loud', about=about)

    folds = AlertFolds()
    folds.add(alert('red', 0))
    for number in range(1000):
        folds.add(alert('spammer', number))
    assert [(each.last.about, each.last.offset, each.count) for each in folds.latest(5)] == [
        ('spammer', 999, 1000),
        ('red', 0, 1),
    ]
    for number in range(2 * MOST):
        folds.add(alert(f'sender {number}', number))
    assert len(folds.latest(10 * MOST)) == MOST
