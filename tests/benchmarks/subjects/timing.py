"""How long a call takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

WARM_UP_S = 0.3


def milliseconds(call: Callable[[], object], *, at_least_s: float = 1.0) -> float:
    """Median milliseconds of a call, over as many as fit into the time, after some to warm up."""
    _times(call, WARM_UP_S)
    return 1e3 * median(_times(call, at_least_s))


def _times(call: Callable[[], object], at_least_s: float) -> list[float]:
    times: list[float] = []
    while sum(times) < at_least_s:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return times
