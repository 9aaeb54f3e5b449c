"""What a test of the settings needs: variables, and a `.env` of its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Use = Callable[[dict[str, str]], None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Use:
    """Sets variables, KAFKA_ in front of each name."""

    def use(variables: dict[str, str]) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(f'KAFKA_{name}', value)

    return use


@pytest.fixture
def env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes the `.env` in force."""

    def write(text: str | bytes) -> Path:
        path = tmp_path / '.env'
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        monkeypatch.setenv('WORKSHOP_ENV_FILE', str(path))
        return path

    return write
