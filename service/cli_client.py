"""``kan-service train | predict | formula``: the service from the command line, over HTTP as ever.

Without ``--server`` they start a service of their own on a free port, over the same data folder.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Annotated, Any

import httpx
import typer

from service.client import ApiError, Client, ClientError
from service.client import Model as TrainedModel
from service.client.tables import Table
from service.schemas.models import FormulaFormat

READY_WITHIN_S = 60.0
POLL_S = 0.3
STOP_WITHIN_S = 30.0
TIMEOUT_S = 300.0
LOG_LINES = 20  # of a service that did not start

Server = Annotated[
    str | None, typer.Option(help="URL of a running service; by default one is started for this command.")
]
Key = Annotated[
    str | None, typer.Option(help="Key for that service, if it wants one.", envvar="KANSERVICE_KEY")
]
Model = Annotated[str, typer.Argument(help="Id or name of a model, or name@alias.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    for command in (train, predict, formula):
        app.command()(command)


def train(
    *,
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, help="CSV, TSV, JSON Lines or Parquet.")
    ],
    target: Annotated[str, typer.Option(help="Column to predict.")],
    name: Annotated[str | None, typer.Option(help="Name of the model.")] = None,
    max_seconds: Annotated[float | None, typer.Option(help="Time limit of the job.")] = None,
    server: Server = None,
    key: Key = None,
) -> None:
    """Train a network on a file, and print its formula."""
    wanted = {"name": name, "max_seconds": max_seconds}
    given: dict[str, Any] = {option: value for option, value in wanted.items() if value is not None}
    with _client(server, key) as client:
        job = client.submit(client.upload(file), target, **given)
        try:
            model_id = client.wait(job).model_id
        except KeyboardInterrupt:
            with suppress(ClientError):  # it may have ended at this moment
                client.cancel(job)
            raise
        _show_model(client, client.model(str(model_id)))


def predict(
    model: Model,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Rows: CSV, TSV, or JSON Lines.")],
    server: Server = None,
    key: Key = None,
) -> None:
    """Predict for the rows of a file; prints one JSON value per row."""
    with _client(server, key) as client:
        predictions = client.predict(model, _rows(file))
    for prediction in predictions.values:
        typer.echo(json.dumps(prediction))


def formula(
    model: Model,
    form: Annotated[FormulaFormat, typer.Option("--format", help="Language to print it in.")] = "text",
    server: Server = None,
    key: Key = None,
) -> None:
    """Print the formula of a model."""
    with _client(server, key) as client:
        typer.echo(client.formula(model, form))


@contextmanager
def _client(server: str | None, key: str | None) -> Iterator[Client]:
    """A client of the named service, or of one that lives as long as the command."""
    try:
        with (
            nullcontext(server) if server else embedded_service() as url,
            Client(url or "", key, timeout=TIMEOUT_S) as client,
        ):
            yield client
    except ClientError as error:
        raise _failed(str(error)) from None


@contextmanager
def embedded_service(
    environment: Mapping[str, str] | None = None, log: IO[bytes] | None = None
) -> Iterator[str]:
    """A service on a free port, configured by the environment; ends with the block.

    Args:
        log: Where the service writes what it does; it is told to nobody otherwise, unless it fails.
    """
    port = _free_port()
    command = [sys.executable, "-m", "service.cli", "serve", "--host", "127.0.0.1", "--port", str(port)]
    with (
        nullcontext(log) if log else TemporaryFile() as output,
        subprocess.Popen(  # noqa: S603  # our own command
            command, stdout=subprocess.DEVNULL, stderr=output, env=environment
        ) as process,
    ):
        try:
            if not _gets_ready(f"http://127.0.0.1:{port}", process):
                raise _failed(f"the service did not start:\n{_tail(output)}")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_WITHIN_S)


def _gets_ready(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/health/ready").is_success:
                return True
        time.sleep(POLL_S)
    return False


def _tail(output: IO[bytes]) -> str:
    if not output.readable():
        return "its log shows why"
    output.seek(0)
    return "\n".join(output.read().decode(errors="replace").splitlines()[-LOG_LINES:])


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _show_model(client: Client, model: TrainedModel) -> None:
    metrics = ", ".join(f"{name} {value:.6g}" for name, value in model.metrics.items() if value is not None)
    typer.echo(f"model:    {model.name} ({model.id})\nhold-out: {metrics}")
    with suppress(ApiError):  # there may be no formula
        for output in client.symbolic(model).outputs:
            typer.echo(f"formula:  {output.name} = {output.expression}")


def _rows(file: Path) -> Table:
    """Rows as the file has them; the service checks their columns and types."""
    if file.suffix in (".csv", ".tsv"):
        import polars as pl  # noqa: PLC0415  # slow to import, and no other command needs it

        separator = "\t" if file.suffix == ".tsv" else ","
        return pl.read_csv(file, separator=separator, infer_schema_length=None)
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _failed(reason: str) -> typer.Exit:
    typer.echo(f"kan-service: {reason}", err=True)
    return typer.Exit(1)
