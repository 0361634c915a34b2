import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def state_dir() -> Iterator[Path]:
    """A folder that Postgres's own account can reach when the tests run as root, unlike pytest's."""
    folder = Path(tempfile.mkdtemp(prefix="opencom-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def own_services(state_dir: Path) -> dict[str, str]:
    """An environment in which a run starts services of its own in `state_dir`."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DATABASE_URL", "OWNER_DATABASE_URL", "REDIS_URL"}
    }
    return kept | {"STATE_DIR": str(state_dir), "PYTHONDONTWRITEBYTECODE": ""}


def two_free_ports() -> tuple[int, int]:
    """Return two ports in a row that nobody uses."""
    for _ in range(100):
        with socket.socket() as first:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            with socket.socket() as second:
                try:
                    second.bind(("127.0.0.1", port + 1))
                except OSError:
                    continue
        return port, port + 1
    raise AssertionError("no two free ports in a row")
