"""``kan-service fix``: another formula of a model, guided by a person."""

import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from service.cli import field_options
from service.cli.support import training_options
from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connect
from service.cli.support.files import check_picture_path
from service.cli.support.job_result import print_trained_model
from service.cli.support.output import AsJson
from service.cli.support.training_options import split_text
from service.cli.support.waiting import wait_for_job

EDGE_PATTERN = re.compile(r"(\d+)(?:-(\d+))?,(\d+),(\d+)=(\S+)")
CHOICE_PATTERN = re.compile(r"(?:(.+)=)?(\d+)")


def fix(
    *,
    model: Model,
    edge: Annotated[
        list[str] | None,
        typer.Option(
            help="Function to put on an edge, as LAYER,IN,OUT=sin; repeat for several. 'models edges' lists "
            "the edges; 0-2,IN,OUT is one from an input directly to layer 2.",
            show_default=False,
        ),
    ] = None,
    forbid: Annotated[
        list[str] | None,
        typer.Option(
            help="Functions that the formula must not contain, separated by commas.", show_default=False
        ),
    ] = None,
    max_complexity: Annotated[
        int | None,
        typer.Option(
            min=1, help="Most constants, columns and operations of the formula.", show_default=False
        ),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(help="Columns to do without, separated by commas.", show_default=False),
    ] = None,
    choose: Annotated[
        list[str] | None,
        typer.Option(
            help="Number of one of the formulas that 'formula --all' lists; OUTPUT=NUMBER with several "
            "outputs.",
            show_default=False,
        ),
    ] = None,
    serve: training_options.MemberOption = None,
    max_edges: field_options.MaxEdges = None,
    name: field_options.Name = None,
    max_seconds: field_options.MaxSeconds = None,
    picture: training_options.Picture = None,
    no_picture: training_options.NoPicture = False,
    keep_best: training_options.KeepBest = False,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Search another formula of a model, with functions on edges or other wishes; it is the next version.

    Choosing a formula that the model already has, or the member that answers, takes no training.
    """
    picture = picture and check_picture_path(picture, "--picture")
    body = training_options.make_body(serve=serve, max_edges=max_edges)
    options: dict[str, Any] = {
        "fix": [_parse_edge(text) for text in edge or ()],
        "forbid": [name for text in forbid or () for name in split_text(text)],
        "drop": [name for text in drop or () for name in split_text(text)],
        "max_complexity": max_complexity,
    }
    options = {field: value for field, value in options.items() if value}
    choice = _parse_choices(choose)
    if options and choice is not None:
        words = "it selects a formula that the model has; omit --edge, --forbid, --drop and --max-complexity"
        raise typer.BadParameter(words, param_hint="--choose")
    if not options and choice is None and not body:
        words = "give --edge, --forbid, --max-complexity, --drop, --choose, --serve or --max-edges"
        raise typer.BadParameter(words)
    body |= options | ({} if choice is None else {"choose": choice})
    body |= training_options.make_body(name=name, max_seconds=max_seconds)
    with connect(server, key) as client:
        job = client.submit(kind="symbolic", model_id=model, **body)
        final_job = wait_for_job(client, job, None, keep_best=keep_best)
        print_trained_model(
            client, final_job, picture=picture, no_picture=no_picture, as_json=as_json, server=server
        )


def _parse_edge(text: str) -> dict[str, Any]:
    """Convert ``0,1,2=sin`` to a member of ``fix``.

    Raises:
        BadParameter: The text names no edge and function.
    """
    match = EDGE_PATTERN.fullmatch(text.replace(" ", ""))
    if match is None:
        words = f"{text!r} is not LAYER,IN,OUT=FUNCTION, such as 0,1,2=sin"
        raise typer.BadParameter(words, param_hint="--edge")
    layer, to_layer, in_, out, function = match.groups()
    direct = {} if to_layer is None else {"to_layer": int(to_layer)}
    return {"layer": int(layer), "in": int(in_), "out": int(out), "function": function} | direct


def _parse_choices(texts: Sequence[str] | None) -> int | dict[str, int] | None:
    """Convert ``3``, or ``y=3`` for each of several outputs.

    Raises:
        BadParameter: A text is no number, or there are several without outputs.
    """
    if not texts:
        return None
    matches = [CHOICE_PATTERN.fullmatch(text.strip()) for text in texts]
    if len(matches) == 1 and matches[0] and matches[0][1] is None:
        return int(matches[0][2])
    if not all(match and match[1] for match in matches):
        raise typer.BadParameter("give one number, or OUTPUT=NUMBER for each output", param_hint="--choose")
    return {match[1].strip(): int(match[2]) for match in matches if match}
