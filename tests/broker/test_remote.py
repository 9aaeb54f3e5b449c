"""Commands for a broker in the foreground, by a file."""

from pathlib import Path

import pytest

from broker.remote import Remote, find, request
from broker.storage import locked


def test_a_command_reaches_the_broker_once(tmp_path: Path) -> None:
    """What is requested is read in order, once; what was left by another run is not read."""
    request(tmp_path, 'kill 9')
    remote = Remote(tmp_path, ['127.0.0.1:1'])
    assert list(remote.lines()) == []
    request(tmp_path, 'kill 1')
    request(tmp_path, 'restart 1')
    assert list(remote.lines()) == ['kill 1', 'restart 1']
    assert list(remote.lines()) == []
    remote.close()
    assert list(tmp_path.iterdir()) == []


def test_only_a_running_broker_with_these_addresses_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has ended, however it ended, is not found, nor one with other addresses."""
    folder = tmp_path / '3-brokers'
    folder.mkdir()
    Remote(folder, ['127.0.0.1:1', '127.0.0.1:2'])
    assert find(['127.0.0.1:1'], tmp_path) is None  # nobody holds the lock
    monkeypatch.setattr('broker.remote.try_lock', lambda _: False)  # as from another process
    with locked(folder):
        assert find(['127.0.0.1:2'], tmp_path) == folder
        assert find(['127.0.0.1:2', '127.0.0.1:3'], tmp_path) is None
        assert find([], tmp_path) is None
