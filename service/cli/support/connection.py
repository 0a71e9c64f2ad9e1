"""The service that a command connects to: the given one, the running one, or one started for the command."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from service.cli.support.embedded_service import run_embedded_service
from service.cli.support.errors import report_client_errors, report_setup_errors
from service.cli.support.running_service import choose_key, find_service_url
from service.cli.support.wording import remember_options
from service.client import Client
from service.client.environment import KEY_VARIABLE, URL_VARIABLE
from service.settings import load_settings


def _take_server(context: typer.Context, server: str | None) -> str | None:
    """Return the option; its command is the one whose options messages name."""
    remember_options(context)
    return server


Server = Annotated[
    str | None,
    typer.Option(
        envvar=URL_VARIABLE,
        callback=_take_server,
        help="URL of a running service; by default the one of this data folder, or a temporary one.",
        show_default=False,
    ),
]
Key = Annotated[
    str | None,
    typer.Option(envvar=KEY_VARIABLE, help="Key for that service, if it requires one.", show_default=False),
]


@contextmanager
def connect(server: str | None, key: str | None, *, timeout_s: float = 300.0) -> Iterator[Client]:
    """Yield a client. Errors of the service end the command with a message and without a traceback.

    Args:
        server: URL of the service; None for the one of this data folder, or a temporary one.
        key: Key for that service; None for the session of a service of this data folder.
        timeout_s: Time for the answer to a request, which may be a large table.
    """
    with (
        find_service(server, key) as (url, own_key),
        report_client_errors(),
        Client(url, own_key, timeout=timeout_s) as client,
    ):
        yield client


@contextmanager
def find_service(server: str | None, key: str | None) -> Iterator[tuple[str, str | None]]:
    """Yield the URL of the service that a command connects to, and the key for it.

    Args:
        server: URL of the service; None for the one of this data folder, or a temporary one.
        key: Key for that service; None for the session of a service of this data folder.
    """
    with report_setup_errors():
        settings = load_settings()
        url = _check_url(server) if server else find_service_url(settings)
        if url is not None:
            yield url, key or choose_key(url, settings)
            return
        with run_embedded_service() as (url, session_key):
            yield url, key or settings.api_key or session_key


def _check_url(server: str) -> str:
    if not server.startswith(("http://", "https://")):
        raise typer.BadParameter("give a URL, such as http://127.0.0.1:8000", param_hint="--server")
    return server.rstrip("/")
