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

    missing = [path for path in travels if not (installed / path.relative_to(ROOT)).exists()]

    assert missing == []


def test_the_wheel_migrates_a_database_from_any_folder(installed: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KAN_")}
    environment |= {"PYTHONPATH": str(installed), "KAN_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-m", "service.cli", "migrate"]

    result = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    assert (tmp_path / "data" / "kan.db").exists()
