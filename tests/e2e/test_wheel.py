"""The wheel carries all that the service needs, and works from any folder."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.compose import ROOT

BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
NOT_INSTALLED = (".md", ".pyc")
PACKAGES = ("kan_engine", "service", "worker", "migrations")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel holds, and nothing of the repository."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in (*PACKAGES, "pyproject.toml", "README.md"):
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, source / name)
    subprocess.run([sys.executable, "-c", BUILD, target], cwd=source, check=True, capture_output=True)
    with zipfile.ZipFile(next(target.glob("*.whl"))) as wheel:
        wheel.extractall(target)
    return target


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
    environment = _environment(installed, tmp_path) | {
        "PYTHONSAFEPATH": "1"
    }  # as an installed command has it
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


def _environment(installed: Path, folder: Path) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("KAN_")}
    return plain | {"PYTHONPATH": str(installed), "KAN_DATA_DIR": str(folder / "data")}
