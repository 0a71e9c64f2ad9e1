"""The API in a process that uvicorn starts, alone or as one of several.

Python's collector of garbage traverses all objects again and again while modules are imported, which takes a
fifth of the start, and finds nothing: modules stay. It is off meanwhile, and ignores them from then on.
"""

import gc
import multiprocessing
import os
import signal

from fastapi import FastAPI

from service.local_session import SESSION_VARIABLE
from service.observability import logs
from service.process_limits import end_with_parent
from service.settings import load_settings


def create_process_app() -> FastAPI:
    """Make the API of this process; one of several ends with the process that started it."""
    starter = multiprocessing.parent_process()
    if starter is not None:
        end_with_parent(signal.SIGTERM)  # else it would keep the port after the others were killed
        if os.getppid() != starter.pid:
            raise SystemExit("the process that started this one has ended")
    settings = load_settings()
    logs.configure(as_json=settings.log_format == "json")
    gc.disable()
    from service.main import create_app  # noqa: PLC0415  # see above

    gc.freeze()
    gc.enable()
    return create_app(settings, session_key=os.environ.pop(SESSION_VARIABLE, None))
