import importlib.metadata
import json
import re
import shutil
import socket
import tomllib
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.cli.support.checks import machine_checks
from service.cli.support.checks.findings import report_ok
from service.cli.support.running_service import announce_service
from service.db.migrate import head_revision
from service.db.repositories.workers import Workers
from service.db.session import make_engine, make_sessions
from service.settings import GiB, MiB, load_settings
from tests.support.servers import free_port

Usage = namedtuple("Usage", "total used free")
REDIS = "redis://:hush@127.0.0.1:{port}/0"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("KAN_PORT", str(free_port()))
    looked_at = report_ok("packages", "they have their own test, and take long to import")
    monkeypatch.setattr(machine_checks, "check_packages", lambda: looked_at)


def findings(exit_code: int = 0) -> dict[str, dict[str, str]]:
    result = CliRunner().invoke(app, ["doctor", "--json"])
    assert result.exit_code == exit_code, result.output
    told = json.loads(result.stdout)
    assert told["is_well"] == (exit_code == 0)
    return {finding["what"]: finding for finding in told["findings"]}


def states(found: dict[str, dict[str, str]]) -> dict[str, str]:
    return {what: finding["state"] for what, finding in found.items()}


def test_a_fresh_machine_is_well_and_nothing_is_made_by_looking(tmp_path: Path) -> None:
    assert set(states(findings()).values()) == {"ok"}
    assert not (tmp_path / "data").exists()


def test_people_get_a_line_for_each_thing_and_one_for_each_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_LEASES", "3")
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 1
    assert [line.split(":")[0] for line in result.stdout.splitlines()] == [
        "ok      python",
        "ok      packages",
        "ok      torch",
        "broken  settings",
        "        → correct these settings; `kan-service settings` then lists all",
    ]
    assert "unknown setting KAN_LEASES" in result.stdout


def test_every_dependency_is_among_the_packages_that_are_looked_at() -> None:
    dependencies = tomllib.loads(Path("pyproject.toml").read_text())["project"]["dependencies"]
    wanted = {plain(re.split(r"[\[>]", text)[0]) for text in dependencies}
    brought = importlib.metadata.packages_distributions()
    looked_at = {plain(name) for module in machine_checks.MODULES for name in brought[module.split(".")[0]]}
    assert wanted - looked_at == set()


def plain(name: str) -> str:
    """A distribution's name, whichever way it is spelt."""
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize(("modules", "state"), [(("json",), "ok"), (("json", "no_such_package"), "broken")])
def test_a_package_that_cannot_be_imported_is_named(
    monkeypatch: pytest.MonkeyPatch, modules: tuple[str, ...], state: str
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(machine_checks, "MODULES", modules)
    finding = machine_checks.check_packages()
    assert finding.state == state
    assert ("no_such_package (ModuleNotFoundError" in finding.fact) == (state == "broken")


def test_an_old_python_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_checks, "MIN_PYTHON", (4, 0))
    assert machine_checks.check_python().state == "broken"


@pytest.mark.parametrize(("free", "state"), [(2 * GiB, "ok"), (100 * MiB, "warning"), (MiB, "broken")])
def test_little_room_is_said(monkeypatch: pytest.MonkeyPatch, free: int, state: str) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10 * GiB, 0, free))
    assert machine_checks.check_data_folder(load_settings()).state == state


def test_a_folder_that_cannot_be_written_to_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAN_DATA_DIR", "/proc/data")
    assert states(findings(exit_code=1))["data folder"] == "broken"


def test_a_port_is_held_by_another_program() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", load_settings().port))
        listener.listen()
        port = machine_checks.check_port(load_settings(), timeout_s=0.05)
    assert (port.state, "in use by another program" in port.fact) == ("warning", True)


def test_a_port_is_held_by_the_service_of_this_folder() -> None:
    settings = load_settings()
    with (
        socket.socket() as listener,
        announce_service(f"http://127.0.0.1:{settings.port}", "kan_session_of_a_test", settings),
    ):
        listener.bind(("127.0.0.1", settings.port))
        listener.listen()
        port = findings()["port"]
    assert (port["state"], "the service of this data folder" in port["fact"]) == ("ok", True)


def test_a_database_is_told_with_its_revision_and_its_workers() -> None:
    CliRunner().invoke(app, ["migrate"])
    found = findings()
    assert f"at revision {head_revision()}" in found["database"]["fact"]
    assert (found["worker"]["state"], "kan-service worker" in found["worker"]["remedy"]) == ("warning", True)
    engine = make_engine(load_settings())
    with make_sessions(engine).begin() as session:
        Workers(session).report("w", host="here", pid=1, slots=2)
    engine.dispose()
    assert findings()["worker"]["fact"] == "1 alive, for 2 jobs at a time"


def test_what_cannot_be_reached_is_told_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv("KAN_DATABASE_URL", f"postgresql+psycopg://kan:hush@127.0.0.1:{port}/kan")
    monkeypatch.setenv("KAN_BROKER_URL", REDIS.format(port=port))
    found: Any = findings(exit_code=1)
    assert states(found)["database"] == states(found)["broker"] == "broken"
    assert "hush" not in json.dumps(found)


def test_a_broker_without_its_driver_is_broken(
    no_redis_transport: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAN_BROKER_URL", REDIS.format(port=free_port()))
    broker = findings(exit_code=1)["broker"]
    assert (broker["state"], "packaging" in broker["fact"]) == ("broken", True)
    assert "pip install ." in broker["remedy"]


@pytest.mark.parametrize(
    ("has_key", "variables", "state", "told"),
    [
        (False, {}, "ok", "need no key, also those of a proxy"),
        (False, {"KAN_ALLOWED_HOSTS": "kan.example"}, "warning", "need no key, also those of a proxy"),
        (False, {"KAN_TRUSTED_PROXIES": "127.0.0.1"}, "warning", "need no key, also those of a proxy"),
        (True, {"KAN_OPEN_LOOPBACK": "on"}, "warning", "need no key, also those of a proxy"),
        (True, {"KAN_ALLOWED_HOSTS": "kan.example"}, "ok", "keys exist"),
        (True, {"KAN_HOST": "0.0.0.0"}, "ok", "every request needs a key"),
    ],
)
def test_it_says_who_gets_in_without_a_key(
    monkeypatch: pytest.MonkeyPatch, has_key: bool, variables: dict[str, str], state: str, told: str
) -> None:
    CliRunner().invoke(app, ["migrate"])
    if has_key:
        CliRunner().invoke(app, ["keys", "create", "lab"])
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    access = findings()["access"]
    assert (access["state"], told in access["fact"]) == (state, True)
    assert (access["remedy"] is None) == (state == "ok")
