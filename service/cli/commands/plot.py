"""``kan-service plot``: draw a picture of a model or a study."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from service.cli.support.completion import Model
from service.cli.support.connection import Key, Server, connect
from service.cli.support.files import check_picture_path, find_unused_path, make_file_name
from service.cli.support.output import AsJson, print_result
from service.documents.plots import PLOTS, STUDY_PLOTS
from service.schemas.figures import LanguageName, ThemeName
from service.schemas.models import NetworkChoice

NETWORK_PLOT = "network"
if TYPE_CHECKING:
    Name = str
else:
    Name = Literal[(NETWORK_PLOT, *PLOTS, *STUDY_PLOTS)]


def plot(
    model: Model,
    name: Annotated[
        Name,
        typer.Option(help="Picture to draw; names with _by_ need the job id of a study."),
    ] = NETWORK_PLOT,
    out: Annotated[
        Path | None,
        typer.Option(help="File to write, .svg or .png. [default: MODEL.svg here]", show_default=False),
    ] = None,
    theme: Annotated[ThemeName, typer.Option(help="Colours for a light or a dark background.")] = "light",
    lang: Annotated[LanguageName, typer.Option(help="Language of the texts and numbers.")] = "en",
    width: Annotated[int | None, typer.Option(min=1, help="Width of a .png in pixels.")] = None,
    network: Annotated[
        NetworkChoice | None,
        typer.Option(
            help="Network to draw. [default: the served one; with many edges the compact one]",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    server: Server = None,
    key: Key = None,
) -> None:
    """Draw a model: its network, its training, its quality, or the effects of its columns."""
    path = (
        check_picture_path(out, "--out") if out else find_unused_path(Path(_default_file_name(model, name)))
    )
    with connect(server, key) as client:
        thing = client.job(model) if name in STUDY_PLOTS else model
        client.plot(thing, path, name, theme=theme, lang=lang, width=width, network=network)
    print_result({"picture": str(path)}, as_json, lambda: typer.echo(str(path.resolve())))


def _default_file_name(model: str, name: str) -> str:
    what = "" if name == NETWORK_PLOT else f"-{name}"
    return f"{make_file_name(model)}{what}.svg"
