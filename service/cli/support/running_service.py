"""Address file of a running service: ``serve`` writes its URL into the data folder, other commands read it.

The key of its session is in a file of its own, which only its user can read.

The service locks the address file while it runs. The system releases the lock when the process ends in any
way. A file without a lock is therefore stale, even if another process now has the same port or process id.
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import IO

from service.local_session import keep_session_key, read_session_key
from service.settings import Settings

ADDRESS_FILE = "service.json"
READ_ERRORS = (OSError, ValueError, KeyError, ImportError)  # treated as no running service


@contextmanager
def announce_service(url: str, session_key: str, settings: Settings) -> Iterator[None]:
    """Let commands find the service within the block; they find the first service of a data folder."""
    with ExitStack() as while_it_runs:
        with suppress(OSError):  # the service also runs if the folder is not writable
            while_it_runs.enter_context(_write_address(url, settings))
            while_it_runs.enter_context(keep_session_key(settings.data_dir, session_key))
        yield


@contextmanager
def _write_address(url: str, settings: Settings) -> Iterator[None]:
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = settings.data_dir / ADDRESS_FILE
    with path.open("a", encoding="utf-8") as file:
        _lock_file(file, is_shared=False)
        file.truncate(0)
        json.dump({"url": url, "database": _hash_database_url(settings)}, file)
        file.flush()
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def find_service_url(settings: Settings) -> str | None:
    """The URL of the running service with this data folder and database; None if there is none."""
    with suppress(*READ_ERRORS), (settings.data_dir / ADDRESS_FILE).open(encoding="utf-8") as file:
        try:
            _lock_file(file, is_shared=True)
        except BlockingIOError:
            document = json.load(file)
            return str(document["url"]) if document["database"] == _hash_database_url(settings) else None
    return None


def choose_key(url: str, settings: Settings) -> str | None:
    """The key for the service of this data folder, configured or of its session; None for another service."""
    if find_service_url(settings) != url:
        return None
    return settings.api_key or read_session_key(settings.data_dir)


def _lock_file(file: IO[str], *, is_shared: bool) -> None:
    """Lock a file until it is closed.

    Raises:
        BlockingIOError: A running process holds the lock.
    """
    import fcntl  # noqa: PLC0415  # Windows has neither this module nor `serve`

    fcntl.flock(file, (fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


def _hash_database_url(settings: Settings) -> str:
    """A hash that identifies the database without revealing its password."""
    return hashlib.sha256(settings.database_url.encode()).hexdigest()
