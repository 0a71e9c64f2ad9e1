"""Which service runs over a data folder: ``serve`` leaves its address there, other commands ask it.

The address is held under a lock, which the system takes from a process when it ends, however it ends. So
an address that was left behind is known by its missing lock, whoever has its port or its process id now.
"""

import fcntl
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from service.settings import Settings

FILE = "service.json"


@contextmanager
def announced(url: str, settings: Settings) -> Iterator[None]:
    """Let commands of this machine find a service; the first over a folder is the one that they find."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    path = settings.data_dir / FILE
    with path.open("a", encoding="utf-8") as file:
        if not _locks(file, fcntl.LOCK_EX):
            yield
            return
        file.truncate(0)
        json.dump({"url": url, "database": _database(settings)}, file)
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def running_url(settings: Settings) -> str | None:
    """The address of the service that runs over the data folder and the database of the settings."""
    with suppress(OSError, ValueError, KeyError), (settings.data_dir / FILE).open(encoding="utf-8") as file:
        if _locks(file, fcntl.LOCK_SH):
            return None
        told = json.load(file)
        return str(told["url"]) if told["database"] == _database(settings) else None
    return None


def _locks(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _database(settings: Settings) -> str:
    """Tells databases apart, without their passwords."""
    return hashlib.sha256(settings.database_url.encode()).hexdigest()
