"""Cache of loaded networks with their formulas.

The key is the id of a model, whose artifact never changes: an entry is never stale. The least recently used
entries are evicted first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from service.documents.answering_member import Members

Load = Callable[[], "tuple[Members, int]"]


class PredictorCache:
    """Members of models by model id, up to a number of bytes; thread-safe."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[str, tuple[Members, int]] = OrderedDict()
        self._loading: dict[str, Future[Members]] = {}
        self._lock = threading.Lock()

    def get(self, model_id: str, load: Load) -> Members:
        """The members of a model, loaded once however many threads request them at the same time.

        Args:
            model_id: Id of the model.
            load: Returns the members and their size in bytes. If it raises an error, all waiting threads
                get the same error, and the next request loads again.
        """
        with self._lock:
            if model_id in self._kept:
                self._kept.move_to_end(model_id)
                return self._kept[model_id][0]
            future = self._loading.get(model_id)
            if future is None:
                mine = self._loading[model_id] = Future()
        return self._load(model_id, load, mine) if future is None else future.result()

    def has(self, model_id: str) -> bool:
        """Whether the members of a model are loaded."""
        return model_id in self._kept

    def drop(self, model_id: str) -> None:
        """Remove the members of a model; a thread that uses them keeps them until it is done."""
        with self._lock:
            _, freed_bytes = self._kept.pop(model_id, (None, 0))
            self._bytes -= freed_bytes

    def _load(self, model_id: str, load: Load, future: Future[Members]) -> Members:
        try:
            predictor, size = load()
        except BaseException as error:
            with self._lock:
                del self._loading[model_id]
            future.set_exception(error)
            raise
        with self._lock:
            del self._loading[model_id]
            self._keep(model_id, predictor, size)
        future.set_result(predictor)
        return predictor

    def _keep(self, model_id: str, predictor: Members, size: int) -> None:
        """Add an entry, and evict others; an entry larger than the cache is not kept."""
        self._kept[model_id] = (predictor, size)
        self._bytes += size
        while self._bytes > self._max_bytes:
            _, (_, freed_bytes) = self._kept.popitem(last=False)
            self._bytes -= freed_bytes
