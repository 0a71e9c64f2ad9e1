"""Streams that end when the process is told to: uvicorn alone waits for them until its patience is over.

It closes the application only after the last response, so that the signal itself has to be heard.
And it stops listening at once; a load balancer that asks for readiness needs a moment to send its requests
elsewhere, which a delay gives it.
"""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def told_of_shutdown(tell: Callable[[], None], delay_s: float = 0.0) -> Iterator[None]:
    """Call ``tell`` on the event loop when a signal to end comes, before who handled it until now.

    Args:
        delay_s: Time between the two; a second signal takes none.
    """
    if threading.current_thread() is not threading.main_thread():  # where no handler can be set, as in tests
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in SIGNALS}

    is_told = False

    def on_signal(number: int, frame: FrameType | None) -> None:
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
        signal.signal(number, on_signal)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
