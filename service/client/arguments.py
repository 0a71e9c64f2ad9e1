"""Types of the arguments of the clients' methods."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NotRequired, TypedDict

from service.client.results import Dataset, Job, Model
from service.client.table_payloads import Columns, DataFrameLike
from service.schemas.common import NamedOrder

AnyDataset = Dataset | str
AnyJob = Job | str
AnyModel = Model | str
AnyMeasurements = AnyDataset | Columns | DataFrameLike


class ListFilters(TypedDict):
    """What the listed objects have in common."""

    search: NotRequired[str | None]
    tag: NotRequired[str | Sequence[str]]
    since: NotRequired[datetime | str | None]
    until: NotRequired[datetime | str | None]
    sort: NotRequired[NamedOrder]


class DatasetChanges(TypedDict):
    """The fields of a dataset that can be changed; fields that are left out stay."""

    name: NotRequired[str]
    units: NotRequired[dict[str, str]]
    types: NotRequired[dict[str, str]]
    tags: NotRequired[dict[str, str]]


class ModelChanges(TypedDict):
    """The fields of a model that can be changed; fields that are left out stay."""

    name: NotRequired[str]
    tags: NotRequired[dict[str, str]]
    alias: NotRequired[str | None]


class Equations(TypedDict):
    """Differential equations, as in the body of ``POST /jobs``."""

    independent: Sequence[str]
    unknowns: Sequence[str]
    domain: Mapping[str, Sequence[float]]
    equations: Sequence[str]
    conditions: NotRequired[Sequence[Mapping[str, Any] | str]]
    parameters: NotRequired[Mapping[str, float]]
    measurements: NotRequired[AnyMeasurements]
    network: NotRequired[Mapping[str, Any]]
    training: NotRequired[Mapping[str, Any]]
    symbolic: NotRequired[bool]
    max_seconds: NotRequired[float]
    priority: NotRequired[int]
    name: NotRequired[str]
    tags: NotRequired[Mapping[str, str]]


def encode_filters(filters: ListFilters) -> dict[str, Any]:
    """Convert filters to query parameters. Times without a zone are local."""
    parameters: dict[str, Any] = dict(filters)
    for name in ("since", "until"):
        if isinstance(time := parameters.get(name), datetime):
            parameters[name] = time.astimezone().isoformat()
    return parameters


def get_id(thing: AnyDataset | AnyJob | AnyModel) -> str:
    """The id of an object; text is an id or a name already."""
    return thing if isinstance(thing, str) else str(thing.id)
