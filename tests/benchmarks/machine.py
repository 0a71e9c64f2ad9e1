"""Where and with what was measured: the head of the report, and the fingerprint that keeps rows apart."""

from __future__ import annotations

import ast
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
PACKAGES = ("torch", "numpy", "scikit-learn", "pykan", "jaxkan", "jax", "pyoperon", "interpret-core")


def machine() -> str:
    """Processor, cores and memory."""
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return f"{_processor()}, {os.cpu_count()} cores, {pages / 2**30:.0f} GiB, {platform.system()}"


def versions() -> str:
    """Python and the packages that are compared, as they are installed."""
    packages = (f"{name} {_version(name)}" for name in PACKAGES)
    return ", ".join([f"Python {platform.python_version()}", *packages])


@cache
def commit() -> str:
    """The commit, with a plus if the working tree differs; empty outside a repository."""
    return _git("rev-parse", "--short", "HEAD") + ("+" if _git("status", "--porcelain", "-uno") else "")


def fingerprint(section: Section, options: Options) -> str:
    """Digest of what decides the figures of a section: code, versions, machine, data and sizes."""
    digest = hashlib.sha256(f"{machine()} {versions()} {options.quick}".encode())
    for path in _sources(section, options):
        digest.update(path.name.encode() + content(path))
    return digest.hexdigest()[:12]


def _sources(section: Section, options: Options) -> Iterator[Path]:
    for folder in (*section.measures, "tests/benchmarks/subjects"):
        yield from sorted((ROOT / folder).rglob("*.py")) or _files(ROOT / folder)
    yield Path(section.tasks.__code__.co_filename)
    yield from (options.path(name) for name in section.needs if not section.missing(options))


def _files(folder: Path) -> list[Path]:
    """Of what is not written in Python, such as the page."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def content(path: Path) -> bytes:
    """What a file says to a machine: data to the byte, code without comments and words for people."""
    return _content(path, path.stat().st_mtime_ns)


@cache
def _content(path: Path, changed_ns: int) -> bytes:
    data = path.read_bytes()
    return ast.dump(_Wordless().visit(ast.parse(data))).encode() if path.suffix == ".py" else data


class _Wordless(ast.NodeTransformer):
    """Leaves out docstrings and what sections and goals say: better words need no new measurement."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if isinstance(node.func, ast.Name) and node.func.id in ("Section", "Goal"):
            words = ("about", "title", "what", "limit")
            node.keywords = [keyword for keyword in node.keywords if keyword.arg not in words]
        return self.generic_visit(node)


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
