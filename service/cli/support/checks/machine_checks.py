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

from service.cli.support.checks.findings import (
    INSTALL_HINT,
    Finding,
    report_broken,
    report_ok,
    report_warning,
)
from service.cli.support.running_service import find_service_url
from service.settings import GiB, MiB, Settings

MIN_PYTHON = (3, 11)
MODULES = (
    "alembic", "celery", "chardet", "fastapi", "fastapi_swagger", "httpcore", "httptools", "httpx", "httpx2",
    "jaxtyping", "joblib",
    "kombu.transport.redis", "latex2mathml", "lazy_loader", "markdown_it", "matplotlib", "mcp",
    "mdit_py_plugins", "multipart", "narwhals", "numpy", "onnx",
    "opentelemetry", "orjson", "pint", "polars", "prometheus_client", "psycopg", "pydantic",
    "pydantic_settings", "redis", "resvg_py", "rich", "safetensors", "scipy",
    "sklearn", "sqlalchemy", "starlette", "sympy", "threadpoolctl", "torch", "typer", "uuid_utils",
    "uvicorn",
) + (() if sys.platform == "win32" else ("uvloop",))  # fmt: skip


def check_python() -> Finding:
    """Check the version of the interpreter."""
    fact = f"{platform.python_version()} at {sys.executable}"
    if sys.version_info[:2] < MIN_PYTHON:
        return report_broken("python", fact, f"install Python {'.'.join(map(str, MIN_PYTHON))} or newer")
    return report_ok("python", fact)


def check_packages() -> Finding:
    """Check that every required package can be imported."""
    faults = {}
    for name in MODULES:
        try:
            import_module(name)
        except Exception as error:  # a broken package may raise anything
            faults[name] = f"{name} ({type(error).__name__}: {error})".replace("\n", " ")
    if faults:
        return report_broken("packages", f"cannot be imported: {'; '.join(faults.values())}", INSTALL_HINT)
    return report_ok("packages", f"all {len(MODULES)} can be imported")


def check_torch() -> Finding:
    """Check that torch computes correctly; report its number of threads."""
    try:
        import torch as library  # noqa: PLC0415  # slow to import, and checked here

        product = library.eye(2, dtype=library.float64) @ library.ones(2, dtype=library.float64)
    except Exception as error:
        return report_broken("torch", f"does not compute ({type(error).__name__})", INSTALL_HINT)
    if product.sum().item() != 2.0:
        return report_broken("torch", "computes wrongly", INSTALL_HINT)
    return report_ok(
        "torch", f"{library.__version__}, {library.get_num_threads()} threads for {os.cpu_count()} cores"
    )


def check_data_folder(
    settings: Settings, *, min_free_bytes: int = 50 * MiB, warning_free_bytes: int = GiB
) -> Finding:
    """Check that the data folder is writable and has free space.

    Args:
        settings: The settings.
        min_free_bytes: Below which nothing can be done.
        warning_free_bytes: Below which large tables may fail.
    """
    folder = settings.data_dir
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as error:
        remedy = "make it writable for the user of the service, or set another folder in KAN_DATA_DIR"
        return report_broken("data folder", f"{folder} is not writable: {error.strerror}", remedy)
    fact = f"{folder}{'' if existing == folder else ', to be created'}; {free / GiB:.1f} GiB are free"
    if free >= warning_free_bytes:
        return report_ok("data folder", fact)
    report = report_broken if free < min_free_bytes else report_warning
    return report("data folder", fact, "free space, or set a folder on another disk in KAN_DATA_DIR")


def check_port(settings: Settings, *, timeout_s: float = 2.0) -> Finding:
    """Check that the port is free; if not, report what uses it, provided that it answers within the time."""
    where = f"{settings.host} port {settings.port}"
    if _is_free(settings):
        return report_ok("port", f"{where} is free")
    url = find_service_url(settings)
    if url is not None and urlsplit(url).port == settings.port:
        return report_ok("port", f"the service of this data folder answers at {url}")
    who = "another KAN service" if _is_kan_service(settings.port, timeout_s) else "another program"
    return report_warning(
        "port", f"{where} is in use by {who}", "set another in KAN_PORT, or `serve --port 0`"
    )


def _is_free(settings: Settings) -> bool:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with suppress(OSError):
            listener.bind((settings.host, settings.port))
            return True
    return False


def _is_kan_service(number: int, timeout_s: float) -> bool:
    with suppress(httpx.HTTPError, ValueError):
        return bool(
            httpx.get(f"http://127.0.0.1:{number}/health/live", timeout=timeout_s).json()
            == {"status": "live"}
        )
    return False
