"""The synchronous client."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, Unpack, overload

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


class Client:
    """Client of the service.

        with Client() as kan:
            model = kan.train(kan.upload("law.csv"), "y", name="law")
            print(kan.formula(model), kan.predict(model, [{"x1": 0.3, "x2": -0.7}]).values)

    Arguments accept datasets, jobs and models as objects or by id, and models also by ``name`` or
    ``name@alias``. Requests that change nothing, and submissions of jobs, are retried a few times if the
    response is lost or the service is busy.

    Every method raises ``ApiError`` if the service refuses the request, and ``Unreachable`` if no response
    arrives.

    Args:
        url: URL of the service, including the path prefix of a proxy.
        key: API key, if the service requires one.
        timeout: Longest time in seconds without any data of a response.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8000", key: str | None = None, *, timeout: float = 60.0
    ) -> None:
        self._timeout = timeout
        self._http = httpx.Client(**connection_options(url, key))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def upload(
        self,
        table: File | Table,
        name: str | None = None,
        units: Mapping[str, str] | None = None,
        missing: Mapping[str, Sequence[float | str]] | None = None,
    ) -> Dataset:
        """Add a dataset.

        Args:
            table: A path or an open file; columns as a dict; rows as a list of dicts; or a DataFrame of
                polars or pandas. Files and DataFrames have the highest size limit.
            name: A label; by default the name of the file.
            units: Units by column, displayed in formulas and pictures.
            missing: Values that mean missing, by column or under ``*`` for all columns.
        """
        return self._run_steps(endpoints.upload(table, name, units, missing))

    def dataset(self, dataset_id: str) -> Dataset:
        """One dataset."""
        return self._run_steps(endpoints.dataset(dataset_id))

    def datasets(self) -> Iterator[Dataset]:
        """All datasets, newest first."""
        return self._iterate_pages(Listing(Dataset, "datasets"))

    def preview(self, dataset: AnyDataset, limit: int = 20) -> Preview:
        """The first rows of a dataset as parsed."""
        return self._run_steps(endpoints.preview(dataset, limit))

    @overload
    def train(
        self, dataset: AnyDataset, target: str, *, progress: ProgressOption = True, **body: Any
    ) -> Model: ...

    @overload
    def train(
        self,
        dataset: AnyDataset,
        target: None = None,
        *,
        task: Literal["density"],
        features: Sequence[str],
        progress: ProgressOption = True,
        **body: Any,
    ) -> Model: ...

    def train(
        self, dataset: AnyDataset, target: str | None = None, *, progress: ProgressOption = True, **body: Any
    ) -> Model:
        """Train a network and wait for it. If the wait is interrupted, the job continues.

        Args:
            target: The column to predict; None for ``task="density"``, the density of ``features``.
            progress: Whether to display progress on standard error, or a function to call with every
                ``Progress``.
            body: Further fields of the body of ``POST /jobs``: ``name``, ``max_seconds``, ….

        Raises:
            JobFailed: The job failed.
            JobCancelled: The job was cancelled and has no model.
        """
        return self._run_steps(endpoints.train(dataset, target, progress, body))

    def solve(self, *, progress: ProgressOption = True, **body: Unpack[Equations]) -> Model:
        """Solve differential equations and wait for the model of their solution.

            kan.solve(
                independent=["x"],
                unknowns=["y"],
                domain={"x": (0, 5)},
                equations=["Derivative(y(x), x) + y(x)"],
                conditions=[{"on": {"x": 0}, "residual": "y(0) - 1"}],
            )

        Args:
            progress: As for ``train``.
            body: The equations, as in the body of ``POST /jobs``; ``measurements`` may also be a dataset,
                columns as a dict, or a DataFrame. ``parameters`` has the unknown numbers in the equations,
                each with a start value; ``parameters`` of the model has their estimates with standard errors.

        Raises:
            JobFailed: The job failed; its code is ``no_solution`` if no solution exists on the whole domain.
            JobCancelled: The job was cancelled and has no model.
        """
        return self._run_steps(endpoints.solve(body, progress))

    def submit(
        self,
        dataset: AnyDataset | None = None,
        target: str | None = None,
        *,
        idempotency_key: str | None = None,
        **body: Any,
    ) -> Job:
        """Queue a job: a training, or another ``kind``.

        Args:
            idempotency_key: Any text: calls with the same text within 24 hours return the same job. By
                default every call makes exactly one job, even if its response is lost.
            body: As for ``train``.
        """
        return self._run_steps(endpoints.submit(dataset, target, idempotency_key, body))

    def wait(self, job: AnyJob, timeout: float | None = None, *, progress: ProgressOption = True) -> Job:
        """Follow a job to its end; ``model_id`` is its model.

        Raises:
            JobFailed: The job failed.
            JobCancelled: The job was cancelled and has no model.
            NotFinished: The job has not ended after ``timeout`` seconds; it continues.
        """
        return self._run_steps(endpoints.wait(job, timeout, progress))

    def job(self, job_id: str) -> Job:
        """The current state of a job."""
        return self._run_steps(endpoints.job(job_id))

    def jobs(self, status: Status | None = None) -> Iterator[Job]:
        """All jobs, or those with a status, newest first."""
        return self._iterate_pages(Listing(Job, "jobs", status=status))

    def cancel(self, job: AnyJob, *, keep_best: bool = False) -> Job:
        """Stop a job; with ``keep_best`` the best network so far becomes its model."""
        return self._run_steps(endpoints.cancel(job, keep_best))

    def retry(self, job: AnyJob) -> Job:
        """Submit the request of a finished job again, as a new job."""
        return self._run_steps(endpoints.retry(job))

    def model(self, model: str) -> Model:
        """A model by its id, its name, or ``name@alias``."""
        return self._run_steps(endpoints.model(model))

    def models(self, name: str | None = None) -> Iterator[Model]:
        """All models, or the versions of a name, newest first."""
        return self._iterate_pages(Listing(Model, "models", name=name))

    def predict(
        self, model: AnyModel, rows: Table, interval: float | None = None, by: MemberChoice = "auto"
    ) -> Predictions:
        """Predict for rows as a list of dicts, columns as a dict, or a DataFrame.

        Args:
            interval: Share of true values that the intervals should cover.
            by: The member to predict with: ``accurate``, the network, or ``formula``; ``auto`` selects an
                exact formula, else the network. ``by`` of the result names the member used.
        """
        return self._run_steps(endpoints.predict(model, rows, interval, by))

    def predict_dataset(
        self,
        model: AnyModel,
        dataset: AnyDataset,
        path: str | PathLike[str],
        *,
        progress: ProgressOption = True,
        **body: Any,
    ) -> Path:
        """Predict a whole dataset into a file. If the wait is interrupted, the job continues.

        Args:
            path: The file; CSV if its name ends with ``.csv``, else Parquet.
            body: Further fields of the body of ``POST /jobs``: ``interval``, ``by``, ….

        Raises:
            JobFailed: The job failed.
            JobCancelled: The job was cancelled.
        """
        return self._run_steps(endpoints.predict_dataset(model, dataset, path, progress, body))

    def study(
        self,
        dataset: AnyDataset,
        target: str | None,
        vary: Mapping[str, Sequence[Any]],
        path: str | PathLike[str],
        *,
        progress: ProgressOption = True,
        **body: Any,
    ) -> Path:
        """Train with every combination of some settings, and write a table of the results.

        Args:
            target: The column to predict; None for ``task="density"``.
            vary: Paths of settings with the values to try: ``{"network.grid": [3, 5, 10]}``.
            path: The file; CSV if its name ends with ``.csv``, else Parquet.
            body: As for ``train``; with ``refine=True`` one network is refined through the grids.

        Raises:
            JobFailed: None of the trainings succeeded.
            JobCancelled: The job was cancelled.
        """
        return self._run_steps(endpoints.study(dataset, target, vary, path, progress, body))

    def result(self, job: AnyJob, path: str | PathLike[str]) -> Path:
        """Write the result of a job to a file: predictions for a dataset, or the table of a study."""
        return self._run_steps(endpoints.result(job, path))

    def formula(self, model: AnyModel, format: str = "text") -> str:
        """The formula of a model as text in the given format, one line per output."""
        return self._run_steps(endpoints.formula(model, format))

    def formats(self) -> Formats:
        """The languages that formulas are printed in, and the file formats of models."""
        return self._run_steps(endpoints.formats())

    def symbolic(self, model: AnyModel) -> Symbolic:
        """The formulas of a model with their errors, domains and alternatives."""
        return self._run_steps(endpoints.symbolic(model))

    def edges(self, model: AnyModel) -> Edges:
        """Every activation of a model as a curve, with the functions that fit it best."""
        return self._run_steps(endpoints.edges(model))

    def figures(self, model: AnyModel) -> Figures:
        """The data of the pictures of a model."""
        return self._run_steps(endpoints.figures(model))

    def plot(
        self,
        model: AnyModel | Job,
        save: str | PathLike[str] | None = None,
        name: str = "network",
        *,
        theme: ThemeName = "light",
        lang: LanguageName = "en",
        width: int | None = None,
    ) -> str:
        """A picture as SVG.

        Args:
            model: A model; or the job of a study, for ``error_by_grid``, ``error_by_parameters`` and
                ``time_by_grid``.
            save: File to write the picture to, as PNG if its name ends with ``.png``.
            name: ``network``, ``history``, ``parity``, ``residuals``, ``effects`` or ``importance``;
                ``density`` for a density, ``solution`` for solved equations.
            theme: ``light`` or ``dark``.
            lang: Language of the texts and numbers, ``en`` or ``ru``.
            width: Width of a PNG in pixels.
        """
        return self._run_steps(endpoints.plot(model, save, name, theme, lang, width))

    def export(self, model: AnyModel, format: str, path: str | PathLike[str]) -> Path:
        """Write a model to a file, for example as ``safetensors``."""
        return self._run_steps(endpoints.export(model, format, path))

    def import_model(self, file: File, name: str | None = None) -> Model:
        """Add a model from a ``safetensors`` file of ``export``, under its own name or ``name``."""
        return self._run_steps(endpoints.import_model(file, name))

    def card(self, model: AnyModel) -> Card:
        """The model card: target, inputs, metrics, formula, valid range and training."""
        return self._run_steps(endpoints.card(model))

    def card_text(self, model: AnyModel) -> str:
        """The model card as Markdown."""
        return self._run_steps(endpoints.card_text(model))

    def compare(self, *models: AnyModel) -> Comparison:
        """Compare models of one target, with warnings where a difference of metrics may be insignificant."""
        return self._run_steps(endpoints.compare(models))

    def aliases(self, name: str) -> list[Alias]:
        """The current model of every alias of a name; ``change`` sets and removes aliases."""
        return self._run_steps(endpoints.aliases(name))

    def alias_history(self, name: str, alias: str | None = None) -> Iterator[AliasMove]:
        """Changes of the aliases of a name, or of one alias, newest first."""
        return self._iterate_pages(Listing(AliasMove, "aliases", name=name, alias=alias))

    def change(self, model: AnyModel, **changes: Unpack[ModelChanges]) -> Model:
        """Rename a model, replace its ``tags``, or set an ``alias``; ``alias=None`` removes its aliases.

        This requires the model or its id: a name may refer to another model by then.
        """
        return self._run_steps(endpoints.change(model, changes))

    def delete(self, thing: Dataset | Job | Model) -> None:
        """Delete a dataset, a finished job or a model permanently."""
        self._run_steps(endpoints.delete(thing))

    def usage(self) -> Usage:
        """Resource usage and limits."""
        return self._run_steps(endpoints.usage())

    def _iterate_pages(self, listing: Listing[Any]) -> Iterator[Any]:
        while listing.has_more:
            yield from self._run_steps(listing.fetch_page())

    def _run_steps(self, steps: Steps[T]) -> T:
        with closing(steps):
            try:
                request = next(steps)
                while True:
                    request = steps.send(self._send_request(request))
            except StopIteration as end:
                result: T = end.value
                return result

    def _send_request(self, request: Request) -> Outcome:
        time.sleep(request.after_s)
        try:
            with self._http.stream(**request.options(self._timeout)) as response:
                if response.is_success and request.into:
                    with write_atomically(request.into) as file:
                        file.writelines(response.iter_bytes())
                    return response
                if request.on_line is None or not response.is_success:
                    response.read()
                    return response
                for line in response.iter_lines():
                    if not request.on_line(line):
                        break
                return response
        except httpx.TransportError as error:
            return error
