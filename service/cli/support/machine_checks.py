"""Checks of this machine: Python, packages, torch, data folder, port."""

import os
import platform
import shutil
import socket
import sys
import tempfile
from contextlib import suppress
from importlib import import_module
from urllib.parse import urlsplit

import httpx

from service.cli.support.findings import INSTALL, Finding, broken, ok, warning
from service.cli.support.running_service import running_url
from service.settings import GiB, MiB, Settings

OLDEST_PYTHON = (3, 11)
MODULES = (
    "alembic", "celery", "fastapi", "fastapi_swagger", "httptools", "httpx", "jaxtyping",
    "kombu.transport.redis", "latex2mathml", "lazy_loader", "markdown_it", "mdit_py_plugins",
    "multipart", "numpy", "onnx",
    "opentelemetry", "orjson", "polars", "prometheus_client", "psycopg", "pydantic",
    "pydantic_settings", "redis", "resvg_py", "rich", "safetensors", "scipy",
    "sklearn", "sqlalchemy", "starlette", "sympy", "threadpoolctl", "torch", "typer", "uuid_utils",
    "uvicorn",
) + (() if sys.platform == "win32" else ("uvloop",))  # fmt: skip
PLENTY, LITTLE = GiB, 50 * MiB
ANSWER_S = 2.0


def python() -> Finding:
    """Check the version of the interpreter."""
    fact = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < OLDEST_PYTHON:
        return broken("python", fact, f"install Python {'.'.join(map(str, OLDEST_PYTHON))} or newer")
    return ok("python", fact)


def packages() -> Finding:
    """Check that every required package can be imported."""
    faults = {}
    for name in MODULES:
        try:
            import_module(name)
        except Exception as error:  # a broken package may raise anything
            faults[name] = f"{name} ({type(error).__name__}: {error})".replace("\n", " ")
    if faults:
        return broken("packages", f"cannot be imported: {'; '.join(faults.values())}", INSTALL)
    return ok("packages", f"all {len(MODULES)} can be imported")


def torch() -> Finding:
    """Check that torch computes correctly; report its number of threads."""
    try:
        import torch as library  # noqa: PLC0415  # slow to import, and checked here

        product = library.eye(2, dtype=library.float64) @ library.ones(2, dtype=library.float64)
    except Exception as error:
        return broken("torch", f"does not compute ({type(error).__name__})", INSTALL)
    if product.sum().item() != 2.0:
        return broken("torch", "computes wrongly", INSTALL)
    return ok(
        "torch", f"{library.__version__}, {library.get_num_threads()} threads for {os.cpu_count()} cores"
    )


def data_folder(settings: Settings) -> Finding:
    """Check that the data folder is writable and has free space."""
    folder = settings.data_dir
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as error:
        remedy = "make it writable for the user of the service, or set another folder in KAN_DATA_DIR"
        return broken("data folder", f"{folder} is not writable: {error.strerror}", remedy)
    fact = f"{folder}{'' if existing == folder else ', to be created'}; {free / GiB:.1f} GiB are free"
    if free >= PLENTY:
        return ok("data folder", fact)
    judged = broken if free < LITTLE else warning
    return judged("data folder", fact, "free space, or set a folder on another disk in KAN_DATA_DIR")


def port(settings: Settings) -> Finding:
    """Check that the port is free; if not, report what uses it."""
    where = f"{settings.host} port {settings.port}"
    if _is_free(settings):
        return ok("port", f"{where} is free")
    url = running_url(settings)
    if url is not None and urlsplit(url).port == settings.port:
        return ok("port", f"the service of this data folder answers at {url}")
    who = "another KAN service" if _is_ours(settings.port) else "another program"
    return warning("port", f"{where} is in use by {who}", "set another in KAN_PORT, or `serve --port 0`")


def _is_free(settings: Settings) -> bool:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            listener.bind((settings.host, settings.port))
            return True
    return False


def _is_ours(number: int) -> bool:
    with suppress(httpx.HTTPError, ValueError):
        return bool(
            httpx.get(f"http://127.0.0.1:{number}/health/live", timeout=ANSWER_S).json() == {"status": "live"}
        )
    return False
