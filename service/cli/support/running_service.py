"""Which service runs over a data folder: ``serve`` leaves its address there, other commands ask it.

The address is held under a lock, which the system takes from a process when it ends, however it ends. So
an address that was left behind is known by its missing lock, whoever has its port or its process id now.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO

from service.settings import Settings

FILE = "service.json"
UNREADABLE = (OSError, ValueError, KeyError, ImportError)  # nobody is found there


@contextmanager
def announced(url: str, settings: Settings) -> Iterator[None]:
    """Let commands of this machine find a service; the first over a folder is the one that they find."""
    with ExitStack() as while_it_runs:
        with suppress(OSError):  # a folder that cannot be written to is no reason not to serve
            while_it_runs.enter_context(_left(url, settings))
        yield


@contextmanager
def _left(url: str, settings: Settings) -> Iterator[None]:
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.data_dir / FILE
    with path.open("a", encoding="utf-8") as file:
        _lock(file, is_shared=False)
        file.truncate(0)
        json.dump({"url": url, "database": _database(settings)}, file)
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def running_url(settings: Settings) -> str | None:
    """The address of the service that runs over the data folder and the database of the settings."""
    with suppress(*UNREADABLE), (settings.data_dir / FILE).open(encoding="utf-8") as file:
        try:
            _lock(file, is_shared=True)
        except BlockingIOError:
            told = json.load(file)
            return str(told["url"]) if told["database"] == _database(settings) else None
    return None


def _lock(file: IO[str], *, is_shared: bool) -> None:
    """Take the lock of a file until it is closed.

    Raises:
        BlockingIOError: Someone has it who lives.
    """
    import fcntl  # noqa: PLC0415  # Windows has none, where there is no `serve` either

    fcntl.flock(file, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _database(settings: Settings) -> str:
    """Tells databases apart, without their passwords."""
    return hashlib.sha256(settings.database_url.encode()).hexdigest()
