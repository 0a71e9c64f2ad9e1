"""Work of a process for a client, which ends when the client leaves."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class ClientWork:
    """Links a client, whom one thread watches, to a process that another thread waits for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kill: Callable[[], None] | None = None
        self.is_abandoned = False

    @contextmanager
    def kill_on_departure(self, kill: Callable[[], None]) -> Iterator[None]:
        """Within the block, ``kill`` is called once the client has left; at once if it has left before."""
        with self._lock:
            self._kill = kill
            if self.is_abandoned:
                kill()
        try:
            yield
        finally:
            with self._lock:
                self._kill = None

    def abandon(self) -> None:
        """Note that the client has left, and end the process."""
        with self._lock:
            self.is_abandoned = True
            if self._kill is not None:
                self._kill()
