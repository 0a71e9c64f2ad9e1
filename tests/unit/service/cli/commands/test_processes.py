import logging
import sys
import webbrowser
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner

from service.cli import app
from service.cli.commands import processes
from service.db.migrate import head_revision, upgrade
from service.settings import Settings, load_settings
from tests.support.servers import free_port


@pytest.fixture(autouse=True)
def _logs_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands have logs go to what is standard error while a test runs, and closed behind it."""
    monkeypatch.setattr(logging.root, "handlers", list(logging.root.handlers))


@pytest.fixture
def kan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("KAN_DATA_DIR", str(tmp_path))
    return lambda *arguments: CliRunner().invoke(app, list(arguments))


def test_migrate_says_what_it_does(kan: Any) -> None:
    assert f"revision none, this version needs {head_revision()}" in kan("migrate", "--dry-run").output
    assert f"from revision none to {head_revision()}" in kan("migrate").output
    assert f"at revision {head_revision()}" in kan("migrate").output


def test_migrate_can_wait_until_another_process_has_upgraded_the_database(kan: Any) -> None:
    waiting = Thread(target=processes._wait_for_upgrade, args=(load_settings(), 0.01), daemon=True)
    waiting.start()
    waiting.join(0.2)
    assert waiting.is_alive()
    assert "at revision none" in kan("migrate", "--dry-run").output

    upgrade(load_settings())

    waiting.join(10)
    assert not waiting.is_alive()
    assert f"at revision {head_revision()}" in kan("migrate", "--wait").output


def test_a_database_that_cannot_be_reached_is_waited_for() -> None:
    settings = Settings(database_url=f"postgresql+psycopg://kan:secret@127.0.0.1:{free_port()}/kan")
    assert processes._find_obstacle(settings, head_revision()) == "the database cannot be reached"


@pytest.mark.parametrize("command", ["serve", "api", "migrate"])
def test_a_wrong_setting_is_named_in_one_line(kan: Any, monkeypatch: Any, command: str) -> None:
    monkeypatch.setenv("KAN_LEASES", "3")
    result = kan(command)
    assert result.exit_code == 2
    assert "KAN_LEASES" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("command", ["serve", "api"])
def test_no_one_listens_to_other_machines_without_a_key(kan: Any, command: str) -> None:
    kan("migrate")
    result = kan(command, "--host", "0.0.0.0", "--port", str(free_port()))
    assert (result.exit_code, "keys create" in result.output) == (2, True)


def test_a_port_that_is_taken_is_said_before_anything_starts(kan: Any) -> None:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        result = kan("serve", "--port", str(listener.getsockname()[1]))
    assert (result.exit_code, "cannot listen" in result.output) == (2, True)


def test_serve_runs_both_processes_under_the_commands_of_an_operator(kan: Any, monkeypatch: Any) -> None:
    made: dict[str, Any] = {}

    class Recorded:
        def __init__(self, commands: Any, environment: Any, **options: Any) -> None:
            made.update(commands=commands, environment=environment)

        def run(self) -> int:
            return 0

    monkeypatch.setattr(processes, "Supervisor", Recorded)
    assert kan("serve", "--port", "0").exit_code == 0
    assert {name: command[-1] for name, command in made["commands"].items()} == {
        "api": "api",
        "worker": "worker",
    }
    assert int(made["environment"]["KAN_PORT"]) > 0


def test_the_installed_script_is_what_children_run(monkeypatch: Any, tmp_path: Path) -> None:
    script = tmp_path / "kan-service"
    script.touch()
    monkeypatch.setattr(sys, "argv", [str(script), "serve"])
    assert processes._make_command("api") == [sys.executable, str(script), "api"]


def test_a_source_folder_works_without_a_script(monkeypatch: Any, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["cli.py"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert processes._make_command("api")[1:] == ["-m", "service.cli", "api"]


@pytest.mark.parametrize(
    ("host", "shown"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]")],
)
def test_the_url_that_is_shown_can_be_used(host: str, shown: str) -> None:
    assert processes._client_host(host) == shown


def test_the_worker_is_started_by_its_name(monkeypatch: Any, kan: Any) -> None:
    started: list[tuple[str, str]] = []
    monkeypatch.setattr(
        processes.runpy, "run_module", lambda name, run_name: started.append((name, run_name))
    )
    assert kan("worker").exit_code == 0
    assert started == [("worker", "__main__")]


def test_the_api_listens_where_it_was_told_to(monkeypatch: Any, kan: Any) -> None:
    import uvicorn

    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: calls.append(options))
    assert kan("api", "--port", "8123").exit_code == 0
    assert (calls[0]["host"], calls[0]["port"]) == ("127.0.0.1", 8123)
    assert calls[0]["http"] == "service.api.http.uvicorn_protocol:BoundedHttpProtocol"
    assert calls[0]["proxy_headers"] is False  # as in the tests of hostile requests


def test_the_greeting_waits_for_the_service(
    kan: Any, capsys: pytest.CaptureFixture[str], monkeypatch: Any, tmp_path: Path
) -> None:
    import httpx

    class Looking:
        def __init__(self, *_: Any, on_look: Any, **__: Any) -> None:
            self.on_look = on_look

        def run(self) -> int:
            assert self.on_look() is False
            monkeypatch.setattr(httpx, "get", lambda url, timeout: httpx.Response(200))
            assert self.on_look() is True
            return 0

    monkeypatch.setattr(processes, "Supervisor", Looking)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    assert f"{url}/datasets" in kan("serve", "--port", str(port)).output


@pytest.mark.parametrize(("desktop", "is_opened"), [(":0", True), ("", False)])
def test_the_page_is_opened_where_there_is_a_desktop(
    desktop: str, is_opened: bool, kan: Any, monkeypatch: Any
) -> None:
    opened: list[str] = []

    class Looking:
        def __init__(self, *_: Any, on_look: Any, **__: Any) -> None:
            self.run = lambda: int(not on_look())

    monkeypatch.setattr(processes, "Supervisor", Looking)
    monkeypatch.setattr(processes, "_is_alive", lambda _: True)
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", desktop)
    assert kan("serve", "--open", "--port", "0").exit_code == 0
    assert bool(opened) is is_opened


def test_a_backup_is_written_and_restored_by_commands(kan: Any, tmp_path: Path, monkeypatch: Any) -> None:
    kan("migrate")
    file = tmp_path / "kan.backup"
    assert f"revision {head_revision()}" in kan("backup", str(file)).output
    again = kan("backup", str(file))
    assert (again.exit_code, "already exists" in again.output) == (2, True)
    monkeypatch.setenv("KAN_DATA_DIR", str(tmp_path / "elsewhere"))
    assert f"at revision {head_revision()}" in kan("restore", str(file)).output
    assert (tmp_path / "elsewhere" / "kan.db").is_file()


def test_settings_are_shown_one_per_line_without_passwords(kan: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("KAN_DATABASE_URL", "postgresql+psycopg://kan:hush@db:5432/kan")
    lines = kan("settings").output.splitlines()
    (database,) = [line for line in lines if line.startswith("KAN_DATABASE_URL=")]
    assert database.startswith("KAN_DATABASE_URL=postgresql+psycopg://kan:***@db:5432/kan  # ")
    assert "default" not in database
    assert any(line.startswith("KAN_PORT=8000  # default; ") for line in lines)


@pytest.mark.parametrize(("count", "together"), [("1", False), ("2", True)])
def test_several_processes_of_one_api_count_into_one_folder(
    kan: Any, monkeypatch: Any, tmp_path: Path, count: str, together: bool
) -> None:
    import os

    import uvicorn

    folders: list[str | None] = []
    monkeypatch.setenv(processes.METRICS_FOLDER_VARIABLE, "")
    monkeypatch.delenv(processes.METRICS_FOLDER_VARIABLE)
    monkeypatch.setattr(
        uvicorn, "run", lambda *_, **__: folders.append(os.environ.get(processes.METRICS_FOLDER_VARIABLE))
    )
    assert kan("api", "--processes", count).exit_code == 0
    assert [folder is not None for folder in folders] == [together]
    assert list(tmp_path.glob("metrics-*")) == []
