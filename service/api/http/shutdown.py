"""Event streams that end at shutdown; otherwise uvicorn waits for them until its graceful timeout is over.

uvicorn closes the application only after the last response, so this module handles the signal itself. uvicorn
also stops listening at once. A delay gives a load balancer that polls readiness time to send requests
elsewhere.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def notify_on_shutdown(tell: Callable[[], None], delay_s: float = 0.0) -> Iterator[None]:
    """Call ``tell`` on the event loop on SIGTERM or SIGINT, and then the previous signal handler.

    Args:
        delay_s: Time between the two calls; a second signal is handled without delay.
    """
    if threading.current_thread() is not threading.main_thread():  # as in tests; no handler can be set there
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    is_told = False

    def handle_signal(number: int, frame: FrameType | None) -> None:
        nonlocal is_told
        waits, is_told = bool(delay_s) and not is_told, True
        loop.call_soon_threadsafe(tell)
        handler = before[signal.Signals(number)]
        if not callable(handler):
            return
        if waits:
            loop.call_soon_threadsafe(loop.call_later, delay_s, handler, number, frame)
        else:
            handler(number, frame)

    for number in SIGNALS:
        signal.signal(number, handle_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
