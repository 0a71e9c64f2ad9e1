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
    with _client(server, key) as client:
        with file.open("rb") as content:
            dataset = _checked(client.post("/datasets", files={"file": (file.name, content)}))
        wanted = {"dataset_id": dataset["id"], "target": target, "name": name, "max_seconds": max_seconds}
        given = {key: value for key, value in wanted.items() if value is not None}
        job = _follow(client, _checked(client.post("/jobs", json=given)))
        if job["status"] != "succeeded":
            reason = (job["error"] or {}).get("detail", "")
            raise _failed(f"the job {job['status']}: {reason}")
        _show_model(client, job["model_id"])


def predict(
    model: Model,
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="Rows: CSV, TSV, or JSON Lines.")],
    server: Server = None,
    key: Key = None,
) -> None:
    """Predict for the rows of a file; prints one JSON value per row."""
    with _client(server, key) as client:
        answer = _checked(client.post("/predict", json={"model": model, "rows": _rows(file)}))
    for prediction in answer["predictions"]:
        typer.echo(json.dumps(prediction))


def formula(
    model: Model,
    form: Annotated[
        str, typer.Option("--format", help="text, latex, python, numpy, c, sql, javascript, excel or json.")
    ] = "text",
    server: Server = None,
    key: Key = None,
) -> None:
    """Print the formula of a model."""
    with _client(server, key) as client:
        response = client.get(f"/models/{model}/symbolic", params={"format": form})
        _refuse_error(response)
        typer.echo(response.text.rstrip("\n"))


@contextmanager
def _client(server: str | None, key: str | None) -> Iterator[httpx.Client]:
    """A client of the named service, or of one that lives as long as the command."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        with (
            nullcontext(server) if server else embedded_service() as url,
            httpx.Client(base_url=url or "", timeout=TIMEOUT_S, headers=headers) as client,
        ):
            yield client
    except httpx.TransportError as error:
        raise _failed(f"the service cannot be reached: {error}") from None


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


def _follow(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """Print progress until the job has finished; an interrupt cancels it."""
    shown = None
    try:
        while job["finished_at"] is None:
            progress = job["progress"]
            if progress["message"] not in (shown, None):
                shown = progress["message"]
                typer.echo(f"{progress['fraction']:4.0%}  {progress['stage']}: {shown}", err=True)
            time.sleep(POLL_S)
            job = _checked(client.get(f"/jobs/{job['id']}"))
    except KeyboardInterrupt:
        client.post(f"/jobs/{job['id']}/cancel")
        raise
    return job


def _show_model(client: httpx.Client, model_id: str) -> None:
    model = _checked(client.get(f"/models/{model_id}"))
    metrics = ", ".join(
        f"{name} {value:.6g}" for name, value in model["metrics"].items() if value is not None
    )
    typer.echo(f"model:    {model['name']} ({model_id})\nhold-out: {metrics}")
    symbolic = client.get(f"/models/{model_id}/symbolic")
    for output in symbolic.json()["outputs"] if symbolic.is_success else []:
        typer.echo(f"formula:  {output['name']} = {output['expression']}")


def _rows(file: Path) -> list[dict[str, Any]]:
    """Rows as the file has them; the service checks their columns and types."""
    if file.suffix in (".csv", ".tsv"):
        import polars as pl  # noqa: PLC0415  # slow to import, and no other command needs it

        separator = "\t" if file.suffix == ".tsv" else ","
        return pl.read_csv(file, separator=separator, infer_schema_length=None).to_dicts()
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def _checked(response: httpx.Response) -> dict[str, Any]:
    _refuse_error(response)
    return dict(response.json())


def _refuse_error(response: httpx.Response) -> None:
    """End with what the service says is wrong."""
    if response.is_error:
        is_problem = response.headers.get("content-type", "").startswith("application/problem+json")
        raise _failed(
            response.json()["detail"] if is_problem else f"the service answered {response.status_code}"
        )


def _failed(reason: str) -> typer.Exit:
    typer.echo(f"kan-service: {reason}", err=True)
    return typer.Exit(1)
