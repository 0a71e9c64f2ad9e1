"""Points in the life of a job at which a test worker kills itself, or waits, the first time it gets there.

``KAN_TEST_CRASH_AT`` and ``KAN_TEST_HOLD_AT`` name them; ``python -m worker`` knows neither. They hang on
the verbs of the repositories and on the transactions in which these are used, so they stay where they are
when the worker's own code is moved about.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session

from service.db.repositories import Jobs, TrainedModels, WebhookDeliveries

CLAIMED = "claimed"
ADOPTED = "adopted"  # by the process that trains, from the dispatcher; with a broker it claims by itself
TRAINING = "training"
CHECKPOINT_WRITTEN = "checkpoint written"  # and not committed
ARTIFACT_WRITTEN = "artifact written"  # in the last transaction
BEFORE_THE_LAST_COMMIT = "before the last commit"
AFTER_THE_LAST_COMMIT = "after the last commit"  # and before the message is acknowledged
MESSAGE_CLAIMED = "message claimed"  # by the worker, from the outbox of webhooks, and not sent

LONGEST_HOLD_S = 60.0


@cache
def arm() -> None:
    """Hang the points on the repositories, in every process of a worker that is to reach one."""
    if not {"KAN_TEST_CRASH_AT", "KAN_TEST_HOLD_AT"} & os.environ.keys():
        return
    for verb, point in {"claim": CLAIMED, "claim_next": CLAIMED, "adopt": ADOPTED}.items():
        _after(Jobs, verb, lambda session, point=point: _when(session, "after_commit", point))
    _after(Jobs, "set_checkpoint", lambda _: reach(CHECKPOINT_WRITTEN))
    _after(TrainedModels, "add", lambda _: reach(ARTIFACT_WRITTEN))
    _after(Jobs, "succeed", lambda session: _when(session, "before_commit", BEFORE_THE_LAST_COMMIT))
    _after(Jobs, "succeed", lambda session: _when(session, "after_commit", AFTER_THE_LAST_COMMIT))
    _after(WebhookDeliveries, "claim", lambda session: _when(session, "after_commit", MESSAGE_CLAIMED))


def reach(point: str) -> None:
    """Crash, hold, or go on."""
    if os.environ.get("KAN_TEST_CRASH_AT") == point and _is_first("crash"):
        note(f"crash {os.getpid()} at {point}")
        os.kill(os.getpid(), signal.SIGKILL)
    if os.environ.get("KAN_TEST_HOLD_AT") == point and _is_first("hold"):
        note(f"hold {os.getpid()} at {point}")
        ends_at = time.monotonic() + LONGEST_HOLD_S
        while not beside_the_notes("go").exists() and time.monotonic() < ends_at:
            time.sleep(0.02)


def note(line: str) -> None:
    """Tell the test, which reads the notes."""
    if path := os.environ.get("KAN_TEST_NOTES"):
        with suppress(OSError), Path(path).open("a") as notes:  # where a test lets the disk be full
            notes.write(line + "\n")


def beside_the_notes(name: str) -> Path:
    """A file by which the processes of one test tell each other something."""
    notes = Path(os.environ["KAN_TEST_NOTES"])
    return notes.with_name(f"{notes.name}.{name}")


def _after(owner: type, verb: str, then: Callable[[Session], None]) -> None:
    """Do something after a verb of a repository that had an effect."""
    original = getattr(owner, verb)

    def wrapped(self: Any, *args: Any, **named: Any) -> Any:
        result = original(self, *args, **named)
        if result is not None or verb == "set_checkpoint":
            then(self._session)
        return result

    setattr(owner, verb, wrapped)


def _when(session: Session, moment: str, point: str) -> None:
    event.listen(session, moment, lambda _: reach(point), once=True)


def _is_first(what: str) -> bool:
    """Whether no process of this test has done it before."""
    try:
        os.close(os.open(beside_the_notes(what), os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True
