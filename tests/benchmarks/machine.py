"""Where and with what was measured: the head of the report, and the fingerprint that keeps rows apart."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from tests.benchmarks.plan import Options, Section

ROOT = Path(__file__).parents[2]
PACKAGES = ("torch", "numpy", "scikit-learn", "pykan", "jaxkan", "jax")


def machine() -> str:
    """Processor, cores and memory."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{_processor()}, {os.cpu_count()} cores, {pages / 2**30:.0f} GiB, {platform.system()}"


def versions() -> str:
    """Python and the packages that are compared, as they are installed."""
    found = (f"{name} {_version(name)}" for name in PACKAGES)
    return ", ".join([f"Python {platform.python_version()}", *found])


@cache
def commit() -> str:
    """The commit, with a plus if the working tree differs; empty outside a repository."""
    return _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain", "-uno") else "")


def fingerprint(section: Section, options: Options) -> str:
    """Digest of what decides the figures of a section: code, versions, machine, data and sizes."""
    digest = hashlib.sha256(f"{machine()} {versions()} {options.quick}".encode())
    for path in _sources(section, options):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def _sources(section: Section, options: Options) -> Iterator[Path]:
    for folder in (*section.measures, "tests/benchmarks/subjects"):
        yield from sorted((ROOT / folder).rglob("*.py"))
    yield Path(section.tasks.__code__.co_filename)
    yield from (options.path(name) for name in section.needs if not section.missing(options))


@cache
def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


@cache
def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _git(*words: str) -> str:
    command = ["git", "-C", str(ROOT), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
