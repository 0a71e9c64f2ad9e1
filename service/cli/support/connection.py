"""The service that a command connects to: the given one, the running one, or one started for the command."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from service.cli.support.embedded_service import run_embedded_service
from service.cli.support.errors import report_client_errors, report_setup_errors
from service.cli.support.running_service import find_service_url
from service.client import ApiError, Client, Dataset
from service.settings import load_settings

FILE_ERROR_STATUSES = (413, 415, 422)

Server = Annotated[
    str | None,
    typer.Option(
        envvar="KANSERVICE_URL",
        help="URL of a running service; by default the one of this data folder, or a temporary one.",
        show_default=False,
    ),
]
Key = Annotated[
    str | None,
    typer.Option(
        envvar="KANSERVICE_KEY", help="Key for that service, if it requires one.", show_default=False
    ),
]


@contextmanager
def connect(server: str | None, key: str | None, *, timeout_s: float = 300.0) -> Iterator[Client]:
    """Yield a client. Errors of the service end the command with a message and without a traceback.

    Args:
        server: URL of the service; None for the one of this data folder, or a temporary one.
        key: Key for that service.
        timeout_s: Time for the answer to a request, which may be a large table.
    """
    with (
        find_service(server) as url,
        report_client_errors(),
        Client(url, key, timeout=timeout_s) as client,
    ):
        yield client


@contextmanager
def find_service(server: str | None) -> Iterator[str]:
    """Yield the URL of the service that a command connects to.

    Args:
        server: URL of the service; None for the one of this data folder, or a temporary one.
    """
    with report_setup_errors():
        known = _check_url(server) if server else find_service_url(load_settings())
        with nullcontext(known) if known else run_embedded_service() as url:
            yield url


def upload_table(client: Client, file: Path, units: Mapping[str, str] | None = None) -> Dataset:
    """Upload a table; errors about its content name the file."""
    try:
        return client.upload(file, units=units)
    except ApiError as error:
        detail = f"{file.name}: {error.detail}" if error.status in FILE_ERROR_STATUSES else error.detail
        raise ApiError(error.status, error.code, detail, error.errors, error.extra) from None


def _check_url(server: str) -> str:
    if not server.startswith(("http://", "https://")):
        raise typer.BadParameter("give a URL, such as http://127.0.0.1:8000", param_hint="--server")
    return server.rstrip("/")
