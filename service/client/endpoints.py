"""Endpoints of the service: the request and the parsing of the response for each method of the clients."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Any, Generic, Literal, NotRequired, TypedDict, TypeVar
from uuid import uuid4

import httpx
from pydantic import BaseModel

from service.client.job_progress import follow_job
from service.client.progress_bar import ProgressOption, show_progress
from service.client.results import (
    Alias,
    Card,
    Comparison,
    Dataset,
    Edges,
    Figures,
    Formats,
    Job,
    Model,
    Predictions,
    Preview,
    Symbolic,
    Usage,
)
from service.client.table_payloads import (
    Columns,
    DataFrameLike,
    File,
    Table,
    encode_table,
    is_file,
    is_frame,
    open_table,
)
from service.client.transport import Request, Steps, make_get_request, make_path, send, send_and_parse
from service.schemas.common import Page
from service.schemas.figures import LanguageName, ThemeName
from service.schemas.members import MemberChoice
from service.schemas.registry import AliasPage

MAX_PAGE_ITEMS = 200

AnyDataset = Dataset | str
AnyJob = Job | str
AnyModel = Model | str
AnyMeasurements = AnyDataset | Columns | DataFrameLike
Status = Literal["queued", "running", "succeeded", "failed", "cancelled"]
Out = TypeVar("Out", bound=BaseModel)


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
    conditions: NotRequired[Sequence[Mapping[str, Any]]]
    parameters: NotRequired[Mapping[str, float]]
    measurements: NotRequired[AnyMeasurements]
    network: NotRequired[Mapping[str, Any]]
    training: NotRequired[Mapping[str, Any]]
    symbolic: NotRequired[bool]
    max_seconds: NotRequired[float]
    priority: NotRequired[int]
    name: NotRequired[str]
    tags: NotRequired[Mapping[str, str]]


class Listing(Generic[Out]):
    """A list that is requested page by page during iteration."""

    def __init__(self, kind: type[Out], resource: str, /, **filters: Any) -> None:
        self._page = Page[kind]  # type: ignore[valid-type]  # the schema is created at run time
        self._resource, self._filters = resource, filters
        self._cursor: str | None = None
        self.has_more = True

    def fetch_page(self) -> Steps[list[Out]]:
        """Request the next page and return its items."""
        request = make_get_request(self._resource, limit=MAX_PAGE_ITEMS, cursor=self._cursor, **self._filters)
        page = yield from send_and_parse(request, _json_parser(self._page))
        self._cursor = page.next_cursor
        self.has_more = self._cursor is not None
        items: list[Out] = page.items
        return items


def upload(
    table: File | Table,
    name: str | None,
    units: Mapping[str, str] | None,
    missing: Mapping[str, Sequence[float | str]] | None = None,
) -> Steps[Dataset]:
    """Files and DataFrames are sent as files, columns and rows as JSON."""
    if is_frame(table) or is_file(table):
        fields = {"name": name, "units": json.dumps(units) if units else None}
        fields["missing"] = json.dumps(missing) if missing else None
        form = {field: text for field, text in fields.items() if text is not None}
        with open_table(table) as file:
            request = Request("POST", "/datasets", form=form, files={"file": file})
            return (yield from send_and_parse(request, _json_parser(Dataset)))
    body = {"name": name, "units": dict(units or {}), "missing": dict(missing or {}), **encode_table(table)}
    return (yield from send_and_parse(Request("POST", "/datasets", body=body), _json_parser(Dataset)))


def dataset(dataset_id: str) -> Steps[Dataset]:
    """One dataset."""
    return send_and_parse(make_get_request("datasets", dataset_id), _json_parser(Dataset))


def preview(dataset: AnyDataset, limit: int) -> Steps[Preview]:
    """The first rows of a dataset."""
    return send_and_parse(
        make_get_request("datasets", _id(dataset), "preview", limit=limit), _json_parser(Preview)
    )


def submit(
    dataset: AnyDataset | None, target: str | None, idempotency_key: str | None, body: Mapping[str, Any]
) -> Steps[Job]:
    """Submit a job with an idempotency key, so that a retry after a lost response makes no second job."""
    named = {"dataset_id": None if dataset is None else _id(dataset), "target": target}
    given = {**{name: value for name, value in named.items() if value is not None}, **body}
    headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
    return send_and_parse(
        Request("POST", "/jobs", headers=headers, body=given, is_repeatable=True), _json_parser(Job)
    )


def train(
    dataset: AnyDataset, target: str | None, progress: ProgressOption, body: Mapping[str, Any]
) -> Steps[Model]:
    """Submit a training, wait for it, request its model."""
    return _wait_for_model(submit(dataset, target, None, body), progress)


def solve(body: Equations, progress: ProgressOption) -> Steps[Model]:
    """Submit equations, wait for the job, request its model."""
    given: dict[str, Any] = {"kind": "solve", "conditions": [], **body}
    if given.get("measurements") is not None:
        given["measurements"] = _encode_measurements(given["measurements"])
    return _wait_for_model(submit(None, None, None, given), progress)


def wait(job: AnyJob, timeout: float | None, progress: ProgressOption) -> Steps[Job]:
    """Follow a job and return it as it ended."""
    with show_progress(progress) as show:
        return (yield from follow_job(_id(job), timeout, show))


def job(job_id: str) -> Steps[Job]:
    """The current state of a job."""
    return send_and_parse(make_get_request("jobs", job_id), _json_parser(Job))


def cancel(job: AnyJob, keep_best: bool) -> Steps[Job]:
    """Stop a job."""
    keep = "best" if keep_best else None
    return send_and_parse(
        Request("POST", make_path("jobs", _id(job), "cancel"), {"keep": keep}), _json_parser(Job)
    )


def retry(job: AnyJob) -> Steps[Job]:
    """Submit the request of a finished job again, as a new job."""
    return send_and_parse(Request("POST", make_path("jobs", _id(job), "retry")), _json_parser(Job))


def predict_dataset(
    model: AnyModel,
    dataset: AnyDataset,
    to: str | PathLike[str],
    progress: ProgressOption,
    body: Mapping[str, Any],
) -> Steps[Path]:
    """Submit a prediction, wait for it, download its file."""
    given = {"kind": "predict", "model": _id(model), "format": _file_format(to), **body}
    submitted = yield from submit(dataset, None, None, given)
    job = yield from wait(submitted, None, progress)
    return (yield from result(job, to))


def study(
    dataset: AnyDataset,
    target: str | None,
    vary: Mapping[str, Sequence[Any]],
    to: str | PathLike[str],
    progress: ProgressOption,
    body: Mapping[str, Any],
) -> Steps[Path]:
    """Submit a study, wait for it, download its table."""
    values = {setting: list(tried) for setting, tried in vary.items()}
    given = {"kind": "study", "vary": values, "format": _file_format(to), **body}
    submitted = yield from submit(dataset, target, None, given)
    job = yield from wait(submitted, None, progress)
    return (yield from result(job, to))


def result(job: AnyJob, to: str | PathLike[str]) -> Steps[Path]:
    """Download the result of a job."""
    return _download(make_get_request("jobs", _id(job), "result"), to)


def model(reference: str) -> Steps[Model]:
    """One model."""
    return send_and_parse(make_get_request("models", reference), _json_parser(Model))


def predict(model: AnyModel, rows: Table, interval: float | None, by: MemberChoice) -> Steps[Predictions]:
    """Predict; the request may be repeated. ``auto`` is not sent, because older services do not know it."""
    wished = {} if by == "auto" else {"by": by}
    body = {"model": _id(model), "interval": interval, **wished, **encode_table(rows)}
    return send_and_parse(
        Request("POST", "/predict", body=body, is_repeatable=True), _json_parser(Predictions)
    )


def formats() -> Steps[Formats]:
    """The formats of formulas and models."""
    return send_and_parse(make_get_request("formats"), _json_parser(Formats))


def formula(model: AnyModel, format: str) -> Steps[str]:
    """The formula as text, one line per output."""
    request = make_get_request("models", _id(model), "symbolic", format=format)
    return send_and_parse(request, lambda response: response.text.rstrip("\n"))


def symbolic(model: AnyModel) -> Steps[Symbolic]:
    """The formulas with their errors, domains and alternatives."""
    return send_and_parse(make_get_request("models", _id(model), "symbolic"), _json_parser(Symbolic))


def edges(model: AnyModel) -> Steps[Edges]:
    """The activations."""
    return send_and_parse(make_get_request("models", _id(model), "edges"), _json_parser(Edges))


def figures(model: AnyModel) -> Steps[Figures]:
    """The data of the pictures."""
    return send_and_parse(make_get_request("models", _id(model), "figures"), _json_parser(Figures))


def plot(
    thing: AnyModel | Job,
    save: str | PathLike[str] | None,
    name: str,
    theme: ThemeName,
    lang: LanguageName,
    width: int | None,
) -> Steps[str]:
    """A picture as SVG; also written to ``save`` if given, as PNG if its name ends with ``.png``."""
    kind = "jobs" if isinstance(thing, Job) else "models"

    def make_request(suffix: str, **more: Any) -> Request:
        place = ("plot" + suffix,) if name == "network" else ("plots", name + suffix)
        return make_get_request(kind, _id(thing), *place, theme=theme, lang=lang, **more)

    picture = yield from send(make_request(".svg"))
    if save is not None and Path(save).suffix.lower() == ".png":
        pixels = yield from send(make_request(".png", width=width))
        Path(save).write_bytes(pixels.content)
    elif save is not None:
        Path(save).write_bytes(picture.content)
    return picture.text


def export(model: AnyModel, format: str, to: str | PathLike[str]) -> Steps[Path]:
    """Download the model as a file."""
    return _download(make_get_request("models", _id(model), "export", format=format), to)


def import_model(file: File, name: str | None) -> Steps[Model]:
    """Add a model from a file of ``export``."""
    with open_table(file) as part:
        form = {} if name is None else {"name": name}
        request = Request("POST", "/models/import", form=form, files={"file": part})
        return (yield from send_and_parse(request, _json_parser(Model)))


def card(model: AnyModel) -> Steps[Card]:
    """The model card."""
    return send_and_parse(make_get_request("models", _id(model), "card", format="json"), _json_parser(Card))


def card_text(model: AnyModel) -> Steps[str]:
    """The model card as Markdown."""
    return send_and_parse(
        make_get_request("models", _id(model), "card", format="markdown"), lambda response: response.text
    )


def compare(models: Sequence[AnyModel]) -> Steps[Comparison]:
    """Compare models."""
    return send_and_parse(
        make_get_request("models", "compare", ids=",".join(map(_id, models))), _json_parser(Comparison)
    )


def aliases(name: str) -> Steps[list[Alias]]:
    """The current models of the aliases of a name."""
    page = yield from send_and_parse(make_get_request("aliases", name=name, limit=1), _json_parser(AliasPage))
    return [Alias.model_validate(alias.model_dump()) for alias in page.aliases]


def change(model: AnyModel, changes: ModelChanges) -> Steps[Model]:
    """Change a model and return it."""
    return send_and_parse(
        Request("PATCH", make_path("models", _id(model)), body=changes), _json_parser(Model)
    )


def delete(thing: Dataset | Job | Model) -> Steps[None]:
    """Delete a dataset, job or model permanently."""
    kind = "datasets" if isinstance(thing, Dataset) else "jobs" if isinstance(thing, Job) else "models"
    return send_and_parse(Request("DELETE", make_path(kind, thing.id)), lambda _: None)


def usage() -> Steps[Usage]:
    """Resource usage and limits."""
    return send_and_parse(make_get_request("usage"), _json_parser(Usage))


def _wait_for_model(submitting: Steps[Job], progress: ProgressOption) -> Steps[Model]:
    submitted = yield from submitting
    job = yield from wait(submitted, None, progress)
    return (yield from model(str(job.model_id)))


def _encode_measurements(given: AnyMeasurements) -> Mapping[str, Any]:
    """Convert measurements to the form in the body of a job."""
    if isinstance(given, Dataset | str):
        return {"dataset_id": _id(given)}
    if isinstance(given, Mapping) and given.keys() == {"dataset_id"}:
        return given
    return encode_table(
        given["columns"] if isinstance(given, Mapping) and given.keys() == {"columns"} else given
    )


def _download(request: Request, to: str | PathLike[str]) -> Steps[Path]:
    yield from send(replace(request, into=Path(to)))
    return Path(to)


def _file_format(to: str | PathLike[str]) -> str:
    return "csv" if Path(to).suffix.lower() == ".csv" else "parquet"


def _id(thing: BaseModel | str) -> str:
    return thing if isinstance(thing, str) else str(thing.id)  # type: ignore[attr-defined]  # all of them have an id


def _json_parser(kind: type[Out]) -> Callable[[httpx.Response], Out]:
    return lambda response: kind.model_validate_json(response.content)
