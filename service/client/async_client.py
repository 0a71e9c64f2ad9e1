"""The asynchronous client, for asyncio and trio."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

import anyio
import httpx

from service.client import endpoints
from service.client.endpoints import AnyDataset, AnyJob, AnyModel, Equations, Listing, ModelChanges, Status
from service.client.progress_bar import ProgressOption
from service.client.results import (
    Alias,
    AliasMove,
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
from service.client.table_payloads import File, Table
from service.client.transport import Outcome, Request, Steps, connection_options, write_atomically
from service.schemas.figures import LanguageName, ThemeName
from service.schemas.members import MemberChoice

T = TypeVar("T")


class AsyncClient:
    """Asynchronous client of the service. Its methods equal those of ``Client``, which documents them.

    async with AsyncClient() as kan:
        model = await kan.train(await kan.upload("law.csv"), "y", name="law")
        async for dataset in kan.datasets(): ...
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8000", key: str | None = None, *, timeout: float = 60.0
    ) -> None:
        self._timeout = timeout
        self._http = httpx.AsyncClient(**connection_options(url, key))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def upload(
        self,
        table: File | Table,
        name: str | None = None,
        units: Mapping[str, str] | None = None,
        missing: Mapping[str, Sequence[float | str]] | None = None,
    ) -> Dataset:
        """Add a dataset."""
        return await self._run_steps(endpoints.upload(table, name, units, missing))

    async def dataset(self, dataset_id: str) -> Dataset:
        """One dataset."""
        return await self._run_steps(endpoints.dataset(dataset_id))

    def datasets(self) -> AsyncIterator[Dataset]:
        """All datasets, newest first."""
        return self._iterate_pages(Listing(Dataset, "datasets"))

    async def preview(self, dataset: AnyDataset, limit: int = 20) -> Preview:
        """The first rows of a dataset as parsed."""
        return await self._run_steps(endpoints.preview(dataset, limit))

    @overload
    async def train(
        self, dataset: AnyDataset, target: str, *, progress: ProgressOption = True, **body: Any
    ) -> Model: ...

    @overload
    async def train(
        self,
        dataset: AnyDataset,
        target: None = None,
        *,
        task: Literal["density"],
        features: Sequence[str],
        progress: ProgressOption = True,
        **body: Any,
    ) -> Model: ...

    async def train(
        self, dataset: AnyDataset, target: str | None = None, *, progress: ProgressOption = True, **body: Any
    ) -> Model:
        """Train a network and wait for it. If the wait is interrupted, the job continues."""
        return await self._run_steps(endpoints.train(dataset, target, progress, body))

    async def solve(self, *, progress: ProgressOption = True, **body: Unpack[Equations]) -> Model:
        """Solve differential equations and wait for the model of their solution."""
        return await self._run_steps(endpoints.solve(body, progress))

    async def submit(
        self,
        dataset: AnyDataset | None = None,
        target: str | None = None,
        *,
        idempotency_key: str | None = None,
        **body: Any,
    ) -> Job:
        """Queue a job: a training, or another ``kind``."""
        return await self._run_steps(endpoints.submit(dataset, target, idempotency_key, body))

    async def wait(
        self, job: AnyJob, timeout: float | None = None, *, progress: ProgressOption = True
    ) -> Job:
        """Follow a job to its end; ``model_id`` is its model."""
        return await self._run_steps(endpoints.wait(job, timeout, progress))

    async def job(self, job_id: str) -> Job:
        """The current state of a job."""
        return await self._run_steps(endpoints.job(job_id))

    def jobs(self, status: Status | None = None) -> AsyncIterator[Job]:
        """All jobs, or those with a status, newest first."""
        return self._iterate_pages(Listing(Job, "jobs", status=status))

    async def cancel(self, job: AnyJob, *, keep_best: bool = False) -> Job:
        """Stop a job; with ``keep_best`` the best network so far becomes its model."""
        return await self._run_steps(endpoints.cancel(job, keep_best))

    async def retry(self, job: AnyJob) -> Job:
        """Submit the request of a finished job again, as a new job."""
        return await self._run_steps(endpoints.retry(job))

    async def model(self, model: str) -> Model:
        """A model by its id, its name, or ``name@alias``."""
        return await self._run_steps(endpoints.model(model))

    def models(self, name: str | None = None) -> AsyncIterator[Model]:
        """All models, or the versions of a name, newest first."""
        return self._iterate_pages(Listing(Model, "models", name=name))

    async def predict(
        self, model: AnyModel, rows: Table, interval: float | None = None, by: MemberChoice = "auto"
    ) -> Predictions:
        """Predict for rows as a list of dicts, columns as a dict, or a DataFrame."""
        return await self._run_steps(endpoints.predict(model, rows, interval, by))

    async def predict_dataset(
        self,
        model: AnyModel,
        dataset: AnyDataset,
        path: str | PathLike[str],
        *,
        progress: ProgressOption = True,
        **body: Any,
    ) -> Path:
        """Predict a whole dataset into a file. If the wait is interrupted, the job continues."""
        return await self._run_steps(endpoints.predict_dataset(model, dataset, path, progress, body))

    async def study(
        self,
        dataset: AnyDataset,
        target: str | None,
        vary: Mapping[str, Sequence[Any]],
        path: str | PathLike[str],
        *,
        progress: ProgressOption = True,
        **body: Any,
    ) -> Path:
        """Train with every combination of some settings, and write a table of the results."""
        return await self._run_steps(endpoints.study(dataset, target, vary, path, progress, body))

    async def result(self, job: AnyJob, path: str | PathLike[str]) -> Path:
        """Write the result of a job to a file: predictions for a dataset, or the table of a study."""
        return await self._run_steps(endpoints.result(job, path))

    async def formula(self, model: AnyModel, format: str = "text") -> str:
        """The formula of a model as text in the given format, one line per output."""
        return await self._run_steps(endpoints.formula(model, format))

    async def formats(self) -> Formats:
        """The languages that formulas are printed in, and the file formats of models."""
        return await self._run_steps(endpoints.formats())

    async def symbolic(self, model: AnyModel) -> Symbolic:
        """The formulas of a model with their errors, domains and alternatives."""
        return await self._run_steps(endpoints.symbolic(model))

    async def edges(self, model: AnyModel) -> Edges:
        """Every activation of a model as a curve, with the functions that fit it best."""
        return await self._run_steps(endpoints.edges(model))

    async def figures(self, model: AnyModel) -> Figures:
        """The data of the pictures of a model."""
        return await self._run_steps(endpoints.figures(model))

    async def plot(
        self,
        model: AnyModel | Job,
        save: str | PathLike[str] | None = None,
        name: str = "network",
        *,
        theme: ThemeName = "light",
        lang: LanguageName = "en",
        width: int | None = None,
    ) -> str:
        """A picture as SVG; also written to the file ``save``, as PNG if its name ends with ``.png``."""
        return await self._run_steps(endpoints.plot(model, save, name, theme, lang, width))

    async def export(self, model: AnyModel, format: str, path: str | PathLike[str]) -> Path:
        """Write a model to a file, for example as ``safetensors``."""
        return await self._run_steps(endpoints.export(model, format, path))

    async def import_model(self, file: File, name: str | None = None) -> Model:
        """Add a model from a ``safetensors`` file of ``export``, under its own name or ``name``."""
        return await self._run_steps(endpoints.import_model(file, name))

    async def card(self, model: AnyModel) -> Card:
        """The model card: target, inputs, metrics, formula, valid range and training."""
        return await self._run_steps(endpoints.card(model))

    async def card_text(self, model: AnyModel) -> str:
        """The model card as Markdown."""
        return await self._run_steps(endpoints.card_text(model))

    async def compare(self, *models: AnyModel) -> Comparison:
        """Compare models of one target, with warnings where a difference of metrics may be insignificant."""
        return await self._run_steps(endpoints.compare(models))

    async def aliases(self, name: str) -> list[Alias]:
        """The current model of every alias of a name; ``change`` sets and removes aliases."""
        return await self._run_steps(endpoints.aliases(name))

    def alias_history(self, name: str, alias: str | None = None) -> AsyncIterator[AliasMove]:
        """Changes of the aliases of a name, or of one alias, newest first."""
        return self._iterate_pages(Listing(AliasMove, "aliases", name=name, alias=alias))

    async def change(self, model: AnyModel, **changes: Unpack[ModelChanges]) -> Model:
        """Rename a model, replace its ``tags``, or set an ``alias``; ``alias=None`` removes its aliases."""
        return await self._run_steps(endpoints.change(model, changes))

    async def delete(self, thing: Dataset | Job | Model) -> None:
        """Delete a dataset, a finished job or a model permanently."""
        await self._run_steps(endpoints.delete(thing))

    async def usage(self) -> Usage:
        """Resource usage and limits."""
        return await self._run_steps(endpoints.usage())

    async def _iterate_pages(self, listing: Listing[Any]) -> AsyncIterator[Any]:
        while listing.has_more:
            for item in await self._run_steps(listing.fetch_page()):
                yield item

    async def _run_steps(self, steps: Steps[T]) -> T:
        with closing(steps):
            try:
                request = next(steps)
                while True:
                    request = steps.send(await self._send_request(request))
            except StopIteration as end:
                result: T = end.value
                return result

    async def _send_request(self, request: Request) -> Outcome:
        await anyio.sleep(request.after_s)
        try:
            async with self._http.stream(**request.options(self._timeout)) as response:
                if response.is_success and request.into:
                    with write_atomically(request.into) as file:
                        async for chunk in response.aiter_bytes():
                            file.write(chunk)
                    return response
                if request.on_line is None or not response.is_success:
                    await response.aread()
                    return response
                async for line in response.aiter_lines():
                    if not request.on_line(line):
                        break
                return response
        except httpx.TransportError as error:
            return error
