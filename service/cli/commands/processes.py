"""``kan-service serve | api | worker | migrate``: run the processes of the service, migrate the database."""

import logging
import os
import runpy
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Annotated

import httpx
import typer
from sqlalchemy.exc import OperationalError

from service.cli.support.errors import report_setup_errors
from service.cli.support.output import AsJson, print_message, print_result
from service.cli.support.page_link import PageLink, make_page_link
from service.cli.support.running_service import announce_service
from service.cli.support.supervisor import Supervisor
from service.db.migrate import head_revision, read_database_revision, upgrade
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions, make_engine, make_sessions
from service.local_session import SESSION_VARIABLE, make_session_key
from service.observability import logs
from service.settings import InvalidSettings, Settings, is_loopback, load_settings
from service.settings_report import log_settings

Host = Annotated[
    str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]", show_default=False)
]
Port = Annotated[int | None, typer.Option(help="0 selects a free port. [default: 8000]", show_default=False)]
Processes = Annotated[
    int | None,
    typer.Option(help="Processes of the API that share its port. [default: 1]", show_default=False),
]
Unannounced = Annotated[
    bool, typer.Option("--unannounced", hidden=True, help="Hide the service from other commands.")
]

OpenPage = Annotated[bool, typer.Option("--open", help="Open the page in a browser if there is a desktop.")]

# A name, so that a process of several first answers its supervisor and then imports the application.
PROTOCOL = "service.api.http.uvicorn_protocol:BoundedHttpProtocol"
# After which the supervisor replaces a process that does not answer: a start takes longer than uvicorn's five
# seconds where all cores are busy. A process that has ended is replaced at once.
PROCESS_TIMEOUT_S = 30
LINK_HINT = """
The link replaces a key, once and for ten minutes; `kan-service open` makes another. Programs send keys."""
METRICS_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client reads it at import

BANNER = """
KAN service: open {page} in a browser.{hint}
Its data is in {data}. Ctrl-C stops it.

Or, in another terminal:
  curl -F file=@table.csv {url}/datasets
  curl --json '{{"dataset_id": "…", "target": "y"}}' {url}/jobs
  kan-service train table.csv --target y --server {url}
  {url}/docs shows every call
"""


def serve(
    host: Host = None,
    port: Port = None,
    processes: Processes = None,
    open_page: OpenPage = False,
    unannounced: Unannounced = False,
) -> None:
    """Run the whole service on this machine: API and worker."""
    with report_setup_errors():
        settings = _load_settings(host, port, processes)
        logs.configure(logging.WARNING)
        upgrade(settings)
        _check_keys(settings)
        needs_link = _does_page_need_key(settings)
        port = _find_port(settings)
    settings = settings.model_copy(update={"port": port})
    session_key = os.environ.get(SESSION_VARIABLE) or make_session_key()
    commands = {name: _make_command(name) for name in ("api", "worker")}
    url = f"http://{_client_host(settings.host)}:{port}"
    with ExitStack() as until_it_ends:

        def greet() -> bool:
            if not _is_alive(url):
                return False
            if not unannounced:
                until_it_ends.enter_context(announce_service(url, session_key, settings))
            page, hint = PageLink(url), ""
            with suppress(OSError):  # the service also runs if the folder is not writable
                if needs_link:
                    page, hint = make_page_link(url, settings), LINK_HINT
            typer.echo(BANNER.format(url=url, page=page.text, hint=hint, data=settings.data_dir))
            if open_page:
                page.open()
            return True

        environment = os.environ | _make_environment(settings) | {SESSION_VARIABLE: session_key}
        supervisor = Supervisor(commands, environment, drain_s=settings.drain_s, on_look=greet)
        raise typer.Exit(supervisor.run())


def api(host: Host = None, port: Port = None, processes: Processes = None) -> None:
    """Run the API alone."""
    import uvicorn  # noqa: PLC0415  # the other commands do not need it

    with report_setup_errors():
        settings = _load_settings(host, port, processes)
        _check_keys(settings)
    os.environ |= _make_environment(settings)
    logs.configure(as_json=settings.log_format == "json")
    log_settings(settings)
    with _share_metrics_folder(settings):
        uvicorn.run(
            "service.api_process:create_process_app",
            factory=True,
            host=settings.host,
            port=settings.port,
            workers=settings.api_processes,
            log_config=None,
            access_log=False,
            server_header=False,
            http=PROTOCOL,
            proxy_headers=False,  # `service.api.http.forwarding` judges them by the true peer
            timeout_graceful_shutdown=int(settings.drain_s),
            timeout_worker_healthcheck=PROCESS_TIMEOUT_S,
        )


def worker() -> None:
    """Run a worker, which does the jobs. Start one on each machine."""
    runpy.run_module("worker", run_name="__main__")


def migrate(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only print what would be done.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until another process has done it.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create or upgrade the database."""
    with report_setup_errors():
        settings = load_settings()
        if wait:
            _wait_for_upgrade(settings)
        before, required_revision = read_database_revision(settings), head_revision()
        is_to_be_done = before != required_revision and not dry_run
        if is_to_be_done:
            upgrade(settings)
    text = (
        f"upgraded the database from revision {before or 'none'} to {required_revision}"
        if is_to_be_done
        else f"the database is at revision {before or 'none'}, this version needs {required_revision}"
    )
    print_result(
        {"before": before, "needed": required_revision, "is_upgraded": is_to_be_done},
        as_json,
        lambda: typer.echo(text),
    )


def _wait_for_upgrade(settings: Settings, poll_s: float = 2.0) -> None:
    """Wait until the database, which need not be reachable yet, is at the revision of this version."""
    required_revision = head_revision()
    while (obstacle := _find_obstacle(settings, required_revision)) is not None:
        print_message(f"waiting: {obstacle}")
        time.sleep(poll_s)


def _find_obstacle(settings: Settings, required_revision: str) -> str | None:
    try:
        revision = read_database_revision(settings)
    except OperationalError:
        return "the database cannot be reached"
    if revision == required_revision:
        return None
    return f"the database is at revision {revision or 'none'}, this version needs {required_revision}"


@contextmanager
def _share_metrics_folder(settings: Settings) -> Iterator[None]:
    """Give several API processes a common folder for their metrics.

    Prometheus reaches only one process at a time; each process then reports the metrics of all.
    """
    if settings.api_processes == 1 or METRICS_FOLDER_VARIABLE in os.environ:
        yield
        return
    settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="metrics-", dir=settings.data_dir) as folder:
        os.environ[METRICS_FOLDER_VARIABLE] = folder
        yield


def _load_settings(host: str | None, port: int | None, processes: int | None) -> Settings:
    variables = {"KAN_HOST": host, "KAN_PORT": port, "KAN_API_PROCESSES": processes}
    return load_settings(
        os.environ | {name: str(value) for name, value in variables.items() if value is not None}
    )


def _make_environment(settings: Settings) -> dict[str, str]:
    """The options of the command line as environment variables for the child processes."""
    names = ("host", "port", "api_processes")
    return {f"KAN_{name.upper()}": str(getattr(settings, name)) for name in names}


def _check_keys(settings: Settings) -> None:
    if is_loopback(settings.host):  # needs no key to start, and FastAPI takes a second to import
        return
    from service.api.http.auth import check_key_exists  # noqa: PLC0415  # imports FastAPI

    with _open_sessions(settings) as sessions:
        check_key_exists(settings.host, sessions)


def _does_page_need_key(settings: Settings) -> bool:
    if not is_loopback(settings.host):
        return True
    with _open_sessions(settings) as sessions, sessions.read() as session:
        return settings.open_loopback == "off" and ApiKeys(session).has_key()


@contextmanager
def _open_sessions(settings: Settings) -> Iterator[Sessions]:
    engine = make_engine(settings)
    try:
        yield make_sessions(engine)
    finally:
        engine.dispose()


def _find_port(settings: Settings) -> int:
    """Return the configured port after a test bind, or a free port for 0.

    Raises:
        InvalidSettings: The port cannot be bound.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((settings.host, settings.port))
        except OSError as error:
            where = f"{settings.host} port {settings.port}"
            raise InvalidSettings(f"cannot listen on {where}: {error.strerror}; try --port 0") from None
        return int(listener.getsockname()[1])


def _make_command(name: str) -> list[str]:
    """The command line of ``kan-service NAME``, as installed or from a source folder."""
    scripts = [Path(sys.argv[0]), Path(sys.executable).with_name("kan-service")]
    for script in scripts:
        if script.name == "kan-service" and script.is_file():
            return [sys.executable, str(script.resolve()), name]
    return [sys.executable, "-m", "service.cli", name]


def _is_alive(url: str) -> bool:
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/health/live", timeout=1.0).is_success
    return False


def _client_host(host: str) -> str:
    """The host for URLs of clients on this machine."""
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # no address to bind to
    return f"[{reachable}]" if ":" in reachable else reachable
