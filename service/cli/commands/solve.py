"""``kan-service solve``: solve the differential equations in a file."""

import json
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.fields.options import take_body
from service.cli.support import training_options
from service.cli.support.connection import Key, Server, connect
from service.cli.support.errors import UnusableInput, describe_refusal, report_client_errors
from service.cli.support.files import check_picture_path
from service.cli.support.job_result import print_trained_model
from service.cli.support.output import AsJson
from service.cli.support.table_source import STDIN, check_table, open_dataset
from service.cli.support.waiting import wait_for_job
from service.client import ApiError
from service.schemas.equations import EXAMPLE_REQUEST

KIND = "solve"
EXAMPLE = json.dumps(EXAMPLE_REQUEST)
EPILOG = f"The file holds, for example: {EXAMPLE}"


@take_body(KIND)
def solve(
    *,
    file: Annotated[
        Path,
        typer.Argument(help="JSON with the equations, as in POST /jobs; '-' is standard input."),
    ],
    body: dict[str, Any],
    measurements: Annotated[
        str | None,
        typer.Option(
            callback=check_table,
            help="Table of measurements, as a file or a dataset, with columns named like the variables and "
            "unknowns; parameters of the equations are estimated from it.",
        ),
    ] = None,
    picture: training_options.Picture = None,
    no_picture: training_options.NoPicture = False,
    keep_best: training_options.KeepBest = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Solve differential equations; print the residuals and the formula. Ctrl-C cancels the job."""
    picture = picture and check_picture_path(picture, "--picture")
    with report_client_errors():
        equations = _read_body(file)
    if str(file) == measurements == STDIN:
        words = "the equations already come from standard input; give a file"
        raise typer.BadParameter(words, param_hint="--measurements")
    with connect(server, key) as client:
        with open_dataset(client, measurements) if measurements else nullcontext() as source:
            body |= {"measurements": {"dataset_id": source.dataset.id}} if source else {}
            with _locate_errors(file, body):
                job = client.submit(**equations | body | {"kind": KIND})
        final_job = wait_for_job(client, job, source.disposable if source else None, keep_best=keep_best)
        print_trained_model(
            client, final_job, picture=picture, no_picture=no_picture, as_json=as_json, server=server
        )


def _read_body(file: Path) -> dict[str, Any]:
    """Read the body of the job.

    Raises:
        BadParameter: The file does not exist.
        UnusableInput: The file does not contain the body of a solve job.
    """
    if str(file) != STDIN and not file.exists():
        raise typer.BadParameter(f"file {str(file)!r} does not exist.", param_hint="'file'")
    try:
        body = json.loads(sys.stdin.read() if str(file) == STDIN else file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise UnusableInput(f"{_input_name(file)} is not valid JSON: {error}; correct it") from None
    if not isinstance(body, dict):
        raise UnusableInput(f"{_input_name(file)} is not a JSON object; give one such as {EXAMPLE}")
    if body.get("kind", KIND) != KIND:
        raise UnusableInput(
            f"{_input_name(file)} is a job of the kind {body['kind']!r}; omit kind, or set it to {KIND!r}"
        )
    return body


@contextmanager
def _locate_errors(file: Path, options: Collection[str]) -> Iterator[None]:
    """Add the file and the place in it to errors of the service, unless they concern an option."""
    try:
        yield
    except ApiError as error:
        pointer = str(next(iter(error.errors), {}).get("pointer", ""))
        if not pointer or pointer.removeprefix("#/").partition("/")[0] in options:
            raise
        where = "" if pointer in error.detail else f"{pointer}: "
        detail = f"{_input_name(file)}: {where}{error.detail}"
        errors = [{}, *error.errors[1:]]  # the place of the first is in the detail, as the file has it
        raise UnusableInput(
            describe_refusal(ApiError(error.status, error.code, detail, errors, error.extra))
        ) from None


def _input_name(file: Path) -> str:
    return "standard input" if str(file) == STDIN else file.name
