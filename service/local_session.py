"""The session of this machine: how commands and the page of a folder with keys get in without a key.

``kan-service serve`` makes a random key, passes it to its API in the environment, and writes it into a file
of the data folder that only its own user can read. The key ends with the process and counts only for
requests from this machine. A browser gets it in exchange for a ticket, which works once and for a short
time: a link with a ticket may be printed, kept in a history or read in the list of processes' arguments.
"""

import hashlib
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SESSION_VARIABLE = "KANSERVICE_SESSION"  # no setting: `serve` passes it to the processes of its API
SESSION_FILE = "session.key"
TICKET_FOLDER = "tickets"
TICKET_LIFETIME_S = 600.0  # long enough to start a browser, short enough for a link in a log
USER_ONLY = 0o600


def make_session_key() -> str:
    """A new random key of 256 bits."""
    return "kan_session_" + secrets.token_urlsafe(32)


@contextmanager
def keep_session_key(folder: Path, key: str) -> Iterator[None]:
    """Let commands of this user read the key within the block.

    Raises:
        OSError: The folder is not writable.
    """
    path = folder / SESSION_FILE
    path.unlink(missing_ok=True)  # of a process that was killed; others may have it open
    _write_for_user(path, key)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def read_session_key(folder: Path) -> str | None:
    """The key of the service that runs over this folder; None without one, or for another user."""
    with suppress(OSError):
        return (folder / SESSION_FILE).read_text(encoding="ascii")
    return None


def write_link(folder: Path, url: str) -> tuple[str, Path]:
    """Make a link that opens the page once, and a file that leads a browser to it.

    Arguments of a browser's process are visible to every user of the machine, but not the content of the
    file.

    Raises:
        OSError: The folder is not writable.
    """
    _delete_old_tickets(folder)
    ticket = secrets.token_urlsafe(32)
    link = f"{url}/#ticket={ticket}"
    path = _ticket_path(folder, ticket)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_for_user(path, f'<!doctype html><meta http-equiv="refresh" content="0; url={link}">\n')
    return link, path


def take_ticket(folder: Path, ticket: str) -> bool:
    """Whether a ticket is valid; it is not any more. The first process that deletes its file wins."""
    path = _ticket_path(folder, ticket)
    try:
        is_old = _is_old(path)
        path.unlink()
    except OSError:
        return False
    return not is_old


def _ticket_path(folder: Path, ticket: str) -> Path:
    digest = hashlib.sha256(ticket.encode("utf-8", "surrogatepass")).hexdigest()
    return folder / TICKET_FOLDER / f"{digest}.html"


def _delete_old_tickets(folder: Path) -> None:
    for path in (folder / TICKET_FOLDER).glob("*.html"):
        with suppress(FileNotFoundError):  # a browser has just taken it
            if _is_old(path):
                path.unlink()


def _is_old(path: Path) -> bool:
    """Whether a ticket is too old, or its time lies ahead because the clock was set back."""
    return not 0 <= time.time() - path.stat().st_mtime <= TICKET_LIFETIME_S


def _write_for_user(path: Path, text: str) -> None:
    path.touch(mode=USER_ONLY, exist_ok=False)
    path.write_text(text, encoding="ascii")
