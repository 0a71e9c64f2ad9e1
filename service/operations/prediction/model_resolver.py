"""Cache of the models that names and aliases refer to, each looked up at most once a second.

The cached data of a model never change, but another process may change what a name or an alias refers to. A
result may therefore be a second old: a model deleted by another process predicts for up to a second longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from service.db.repositories.models import TrainedModels
from service.db.session import Sessions
from service.db.tables import Model


class ModelResolver:
    """Models by tenant and reference; thread-safe, since entries are only replaced.

    Args:
        clock: Seconds.
        max_age_s: Of an entry.
        max_entries: At which the cache is cleared.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        max_age_s: float = 1.0,
        max_entries: int = 10_000,
    ) -> None:
        self._clock, self._max_age_s, self._max_entries = clock, max_age_s, max_entries
        self._known: dict[tuple[str, str], tuple[float, Model]] = {}

    def get(self, reference: str, sessions: Sessions) -> Model:
        """The model with this id, name or ``name@alias``.

        Raises:
            NotFound: There is no such model.
        """
        cached_model = self.get_cached(reference, sessions)
        if cached_model is not None:
            return cached_model
        looked_up_at = self._clock()
        with sessions.read() as session:
            model = TrainedModels(session).get(reference)
        if len(self._known) >= self._max_entries:
            self.clear()
        self._known[_make_key(reference, sessions)] = looked_up_at, model
        return model

    def get_cached(self, reference: str, sessions: Sessions) -> Model | None:
        """The same from the cache alone; None if the database has to be queried."""
        looked_up_at, model = self._known.get(_make_key(reference, sessions), (-self._max_age_s, None))
        return model if self._clock() - looked_up_at < self._max_age_s else None

    def clear(self) -> None:
        """Clear the cache, after this process has changed a model."""
        self._known = {}


def _make_key(reference: str, sessions: Sessions) -> tuple[str, str]:
    return sessions.tenant, reference
