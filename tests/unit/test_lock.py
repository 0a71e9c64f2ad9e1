"""The lock of the image, and what is told of it: every file by its hash, nothing left out."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import requires, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.support.containers.compose import ROOT
from tests.support.servers import free_port

pytestmark = pytest.mark.long

ENTRY = re.compile(r"^([\w.-]+)==(\S+) ((?:\\\n    --hash=sha256:[0-9a-f]{64} ?)+)$", re.MULTILINE)


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    """Versions by name."""
    text = (ROOT / "service" / "requirements.lock").read_text()
    entries = ENTRY.findall(text)
    lines = [line for line in text.splitlines() if not line.startswith(("#", " "))]
    assert len(entries) == len(lines)
    return {name: version for name, version, _ in entries}


def test_what_the_project_depends_on_is_locked_at_a_version_that_it_takes(locked: dict[str, str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for line in project["dependencies"]:
        requirement = Requirement(line)
        if requirement.name != "torch":
            assert requirement.specifier.contains(locked[requirement.name]), line


def test_what_these_depend_on_is_locked_too(locked: dict[str, str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    waiting = [Requirement(line) for line in project["dependencies"]]
    seen = set()
    while waiting:
        requirement = waiting.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        name = requirement.name.lower().replace("_", "-")
        assert name == "torch" or requirement.specifier.contains(locked[name]), requirement
        for line in requires(name) or []:
            further = Requirement(line)
            extras = requirement.extras or {""}
            if further.marker is None or any(further.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(further)


def test_the_lock_and_the_constraints_name_the_same_versions(locked: dict[str, str]) -> None:
    lines = (ROOT / "service" / "constraints.txt").read_text().splitlines()
    constraints = dict(line.lower().replace("_", "-").split("==") for line in lines if "==" in line)
    assert {name: constraints.get(name, locked[name]) for name in locked} == locked


def test_the_image_has_the_torch_that_the_tests_run_with() -> None:
    dockerfile = (ROOT / "service" / "Dockerfile").read_text()
    pinned = re.search(r"ARG TORCH_VERSION=(\S+)", dockerfile)
    assert pinned
    assert pinned[1].split(".")[:2] == version("torch").split(".")[:2]


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., str]:
    """Run a target of the Makefile with what is installed here, and return what it prints."""
    venv = Path(sys.executable).parent.parent
    given = [f"VENV={venv}", f"SBOM={tmp_path / 'sbom.json'}", f"--old-file={venv / 'installed-test'}"]

    def run(target: str, **environment: str) -> str:
        command = ["make", "--no-print-directory", "--directory", str(ROOT), *given, target]
        return subprocess.run(
            command, check=True, env=os.environ | environment, stdout=subprocess.PIPE, text=True
        ).stdout

    return run


def test_the_bill_of_materials_names_everything_with_its_hash(
    locked: dict[str, str], make: Callable[..., str], tmp_path: Path
) -> None:
    make("sbom")
    document = json.loads((tmp_path / "sbom.json").read_text())
    assert document["metadata"]["component"]["name"] == "kan-service"
    versions = {part["name"]: part["version"] for part in document["components"]}
    assert versions == locked | {"torch": versions["torch"]}
    for part in document["components"]:
        is_hashed = any(reference.get("hashes") for reference in part["externalReferences"])
        assert is_hashed or part["name"] == "torch"


def test_a_network_that_fails_does_not_fail_the_audit(make: Callable[..., str]) -> None:
    assert "audit skipped" in make("audit", HTTPS_PROXY=f"http://127.0.0.1:{free_port()}")
