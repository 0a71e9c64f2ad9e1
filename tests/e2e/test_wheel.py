"""The wheel carries all that the service needs, and works from any folder."""

import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement

from tests.support.containers.compose import ROOT
from tests.support.servers import LOOPBACK, free_port, wait_until

BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
NOT_INSTALLED = (".md", ".pyc")
PACKAGES = ("kan_engine", "service", "worker", "migrations")
START_S = 90.0
IMPORT_ALL = """
import importlib, pkgutil, sys
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(getattr(package, "__path__", []), name + "."):
        if not module.name.endswith("__main__") and not module.name.startswith("migrations."):
            importlib.import_module(module.name)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, made of nothing but what it is said to be made of."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in (*PACKAGES, "pyproject.toml", "README.md"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, source / name)
    subprocess.run([sys.executable, "-c", BUILD, target], cwd=source, check=True, capture_output=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel holds, and nothing of the repository."""
    target = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as content:
        content.extractall(target)
    return target


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An interpreter that has the wheel, and what it asks for without extras: nothing else can be imported.

    The dependencies are links to the files of this environment, in which pip has resolved them.
    """
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    target = next(folder.glob("lib/python*/site-packages"))
    for name in _closure(
        importlib.metadata.PathDistribution(zipfile.Path(wheel, f"{_stem(wheel)}.dist-info/"))
    ):
        for file in importlib.metadata.files(name) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                (target / file).symlink_to(file.locate())
    with zipfile.ZipFile(wheel) as content:
        content.extractall(target)
    return folder / "bin" / "python"


def _closure(distribution: importlib.metadata.Distribution) -> set[str]:
    """The distributions that one asks for without extras, and those that these ask for."""
    found: set[str] = set()
    asked = [(requirement, "") for requirement in distribution.requires or ()]
    seen = set()
    while asked:
        text, extra = asked.pop()
        requirement = Requirement(text)
        if (text, extra) in seen or not (
            requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        ):
            continue
        seen.add((text, extra))
        found.add(re.sub(r"[-_.]+", "-", requirement.name).lower())
        for further in importlib.metadata.requires(requirement.name) or ():
            asked += [(further, wanted) for wanted in ("", *requirement.extras)]
    return found


def _stem(wheel: Path) -> str:
    """Name and version."""
    return "-".join(wheel.name.split("-")[:2])


def test_every_file_of_the_packages_travels_in_the_wheel(installed: Path) -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file()]
    travels = [path for path in files if path.suffix not in NOT_INSTALLED and path.name != "Dockerfile"]
    travels += [path for path in files if path.is_relative_to(ROOT / "service" / "guide")]

    missing = [path for path in travels if not (installed / path.relative_to(ROOT)).exists()]

    assert missing == []


@pytest.mark.thorough
def test_modules_that_lie_about_are_left_alone(installed: Path, tmp_path: Path) -> None:
    """The folder that a command is started in may hold packages of the same names."""
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise RuntimeError('not this one')")
    # As an installed command has it
    environment = _environment(installed, tmp_path) | {"PYTHONSAFEPATH": "1"}
    command = [
        sys.executable,
        "-m",
        "service.cli",
        "train",
        "law.csv",
        "--target",
        "y",
        "--max-seconds",
        "60",
    ]
    rows = "".join(f"{x / 100},{1 + x / 50}\n" for x in range(-100, 100))
    (tmp_path / "law.csv").write_text(f"x,y\n{rows}")

    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    assert "formula:   y = 2*x + 1" in result.stdout


def test_the_wheel_migrates_a_database_from_any_folder(installed: Path, tmp_path: Path) -> None:
    environment = _environment(installed, tmp_path)
    command = [sys.executable, "-m", "service.cli", "migrate"]

    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    assert (tmp_path / "data" / "kan.db").exists()


@pytest.mark.thorough
def test_all_modules_can_be_imported_from_the_wheel_without_extras(python: Path, tmp_path: Path) -> None:
    command = [python, "-c", IMPORT_ALL, *PACKAGES, "kombu.transport.redis"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, ""), result.stderr


@pytest.mark.thorough
def test_the_wheel_without_extras_does_a_job_over_postgres_and_redis(
    python: Path, postgres_url: str, redis_url: str, tmp_path: Path
) -> None:
    command, port = [python, "-P", "-m", "service.cli"], free_port()
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("KAN_", "PYTHON"))}
    environment = plain | {
        "KAN_DATABASE_URL": postgres_url,
        "KAN_BROKER_URL": redis_url,
        "KAN_DATA_DIR": str(tmp_path),
        "KAN_PORT": str(port),
        "OMP_NUM_THREADS": "1",
    }
    rows = "".join(f"{x / 100},{1 + x / 50}\n" for x in range(-100, 100))
    (tmp_path / "law.csv").write_text(f"x,y\n{rows}")
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "log").open("wb"))
        for name in ("api", "worker"):
            process = subprocess.Popen(
                [*command, name], cwd=tmp_path, env=environment, stdout=log, stderr=log
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
        client = stack.enter_context(httpx.Client(base_url=f"{LOOPBACK}:{port}", timeout=30))
        wait_until(lambda: _is_ready(client), timeout_s=START_S)
        doctor = subprocess.run(
            [*command, "doctor"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        train = [*command, "train", "law.csv", "--target", "y", "--server", str(client.base_url)]
        trained = subprocess.run(
            train, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
    assert doctor.returncode == 0, doctor.stdout
    assert "formula:   y = 2*x + 1" in trained.stdout, (tmp_path / "log").read_text()


def _is_ready(client: httpx.Client) -> bool:
    try:
        return client.get("/health/ready").is_success
    except httpx.TransportError:
        return False


def _environment(installed: Path, folder: Path) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KAN_")}
    return plain | {"PYTHONPATH": str(installed), "KAN_DATA_DIR": str(folder / "data")}
