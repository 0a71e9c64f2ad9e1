"""Which model a name stands for, looked up once a second.

What is remembered of a model never changes; which one a name or an alias means may, in another process. So an
answer here may be a second old: a model that was deleted elsewhere still predicts for so long.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.db.tables import Model

TRUSTED_S = 1.0
MOST = 10_000  # references, beyond which all are looked up again


class ModelDirectory:
    """Models by tenant and reference; safe to use from many threads, since entries are only ever replaced."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Model]] = {}

    def get(self, reference: str, sessions: Sessions) -> Model:
        """The model with this id, name or ``name@alias``.

        Raises:
            NotFound: There is none.
        """
        known = self.at_hand(reference, sessions)
        if known is not None:
            return known
        looked_up_at = self._clock()
        with sessions.read() as session:
            model = TrainedModels(session).get(reference)
        if len(self._known) >= MOST:
            self.forget()
        self._known[_key(reference, sessions)] = looked_up_at, model
        return model

    def at_hand(self, reference: str, sessions: Sessions) -> Model | None:
        """The same without asking the database; None if it has to be asked."""
        looked_up_at, model = self._known.get(_key(reference, sessions), (-TRUSTED_S, None))
        return model if self._clock() - looked_up_at < TRUSTED_S else None

    def forget(self) -> None:
        """Look everything up again: this process has changed a model."""
        self._known = {}


def _key(reference: str, sessions: Sessions) -> tuple[str, str]:
    return sessions.tenant, reference
