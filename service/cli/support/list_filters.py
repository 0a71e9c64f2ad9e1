"""Options that filter and sort lists, the same for datasets, jobs and models."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import typer

from service.schemas.common import NamedOrder, Order

TIME_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"]

Search = Annotated[str | None, typer.Option(help="Text in a name, a target or a column.", show_default=False)]
Tag = Annotated[
    list[str] | None,
    typer.Option(help="Tag that they have, as key or key=value; repeat for several.", show_default=False),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        formats=TIME_FORMATS,
        metavar="TIME",
        help="Created at this time or later, as 2026-11-30 or 2026-11-30T12:00, in local time.",
        show_default=False,
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(formats=TIME_FORMATS, metavar="TIME", help="Created before this time.", show_default=False),
]
DatasetOption = Annotated[
    str | None, typer.Option("--dataset", help="Id or name of the dataset that they use.", show_default=False)
]
Sort = Annotated[Order, typer.Option(help="Order by time of creation.")]
NamedSort = Annotated[NamedOrder, typer.Option(help="Order by time of creation, or by name.")]


def make_filters(
    search: str | None, tag: Sequence[str] | None, since: datetime | None, until: datetime | None, sort: str
) -> Any:
    """The filters as arguments of the client's lists; what was not given is left out."""
    filters = {"search": search, "tag": tag or None, "since": since, "until": until}
    filters |= {"sort": None if sort == "newest" else sort}
    return {name: value for name, value in filters.items() if value is not None}
