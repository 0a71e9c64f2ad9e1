"""The client that waits for every answer."""

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
from service.client.progress_bar import Shown
from service.client.results import (
    Alias,
    AliasMove,
    Card,
    Comparison,
    Dataset,
    Edges,
    Figures,
    Job,
    Model,
    Predictions,
    Preview,
    Symbolic,
    Usage,
)
from service.client.table_payloads import File, Table
from service.client.transport import Outcome, Request, Steps, arriving, connection
from service.schemas.figures import LanguageName, ThemeName
from service.schemas.formulas import FormulaFormat
from service.schemas.members import By

T = TypeVar("T")


class Client:
    """The service, as Python has it.

        with Client() as kan:
            model = kan.train(kan.upload("law.csv"), "y", name="law")
            print(kan.formula(model), kan.predict(model, [{"x1": 0.3, "x2": -0.7}]).values)

    Datasets, jobs and models can be given as they were got, or by id; models also by ``name`` or
    ``name@alias``. Requests that change nothing, and submissions of jobs, are repeated a few times when
    their answer is lost or the service is busy.

    Every method raises ``ApiError`` where the service refuses, and ``Unreachable`` where none answers.

    Args:
        url: Where the service is; with the path that a proxy has put before it.
        key: The key, where it wants one.
        timeout: Seconds in which an answer has to move on.
    """

    def __init__(
        self, url: str = "http://127.0.0.1:8000", key: str | None = None, *, timeout: float = 60.0
    ) -> None:
        self._timeout = timeout
        self._http = httpx.Client(**connection(url, key))

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
            table: A file, by its path or open; columns as a dict; rows as a list of dicts; or a DataFrame
                of polars or pandas. Files and frames may be the largest.
            name: A label; without one, the file's name.
            units: Units by column, shown in formulas and pictures.
            missing: Values that stand for missing ones, by column or under ``*``.
        """
        return self._do(endpoints.upload(table, name, units, missing))

    def dataset(self, dataset_id: str) -> Dataset:
        """One dataset."""
        return self._do(endpoints.dataset(dataset_id))

    def datasets(self) -> Iterator[Dataset]:
        """All datasets, newest first."""
        return self._each(Listing(Dataset, "datasets"))

    def preview(self, dataset: AnyDataset, limit: int = 20) -> Preview:
        """The first rows of a dataset as they were understood."""
        return self._do(endpoints.preview(dataset, limit))

    @overload
    def train(self, dataset: AnyDataset, target: str, *, progress: Shown = True, **body: Any) -> Model: ...

    @overload
    def train(
        self,
        dataset: AnyDataset,
        target: None = None,
        *,
        task: Literal["density"],
        features: Sequence[str],
        progress: Shown = True,
        **body: Any,
    ) -> Model: ...

    def train(
        self, dataset: AnyDataset, target: str | None = None, *, progress: Shown = True, **body: Any
    ) -> Model:
        """Train a network and wait for it. If that is interrupted, the job goes on.

        Args:
            target: The column to predict; none for ``task="density"``, which is of ``features``.
            progress: Whether to show it on standard error, or a function to call with every ``Progress``.
            body: What else the job is to be, as ``POST /jobs`` takes it: ``name``, ``max_seconds``, ….

        Raises:
            JobFailed: The job failed.
            JobCancelled: Someone cancelled it.
        """
        return self._do(endpoints.train(dataset, target, progress, body))

    def solve(self, *, progress: Shown = True, **body: Unpack[Equations]) -> Model:
        """Solve differential equations and wait for the model of what they determine.

            kan.solve(
                independent=["x"],
                unknowns=["y"],
                domain={"x": (0, 5)},
                equations=["Derivative(y(x), x) + y(x)"],
                conditions=[{"on": {"x": 0}, "residual": "y(0) - 1"}],
            )

        Args:
            progress: As for ``train``.
            body: The equations, as ``POST /jobs`` takes them; ``measurements`` may also be a dataset, columns
                as a dict, or a DataFrame. Numbers that are not known are named in ``parameters``, each with a
                value to begin with; ``parameters`` of the model tells them with their standard errors.

        Raises:
            JobFailed: The job failed; its code is ``no_solution`` where the solution ends.
            JobCancelled: Someone cancelled it.
        """
        return self._do(endpoints.solve(body, progress))

    def submit(
        self,
        dataset: AnyDataset | None = None,
        target: str | None = None,
        *,
        idempotency_key: str | None = None,
        **body: Any,
    ) -> Job:
        """Queue a job: a training, or another one by its ``kind``.

        Args:
            idempotency_key: Any text: under one text there is one job within 24 hours, however often it is
                submitted. Without it, every call makes one job, even if its answer was lost on the way.
            body: As for ``train``.
        """
        return self._do(endpoints.submit(dataset, target, idempotency_key, body))

    def wait(self, job: AnyJob, timeout: float | None = None, *, progress: Shown = True) -> Job:
        """Follow a job to its end; ``model_id`` is its model.

        Raises:
            JobFailed: It failed.
            JobCancelled: It was cancelled, and left no model.
            NotFinished: It has not ended after ``timeout`` seconds, and goes on.
        """
        return self._do(endpoints.wait(job, timeout, progress))

    def job(self, job_id: str) -> Job:
        """A job as it is now."""
        return self._do(endpoints.job(job_id))

    def jobs(self, status: Status | None = None) -> Iterator[Job]:
        """All jobs, or those of a status, newest first."""
        return self._each(Listing(Job, "jobs", status=status))

    def cancel(self, job: AnyJob, *, keep_best: bool = False) -> Job:
        """Stop a job; with ``keep_best`` the best network so far becomes its model."""
        return self._do(endpoints.cancel(job, keep_best))

    def retry(self, job: AnyJob) -> Job:
        """Do a finished job again, as a new one."""
        return self._do(endpoints.retry(job))

    def model(self, model: str) -> Model:
        """A model by its id, its name, or ``name@alias``."""
        return self._do(endpoints.model(model))

    def models(self, name: str | None = None) -> Iterator[Model]:
        """All models, or the versions of a name, newest first."""
        return self._each(Listing(Model, "models", name=name))

    def predict(
        self, model: AnyModel, rows: Table, interval: float | None = None, by: By = "auto"
    ) -> Predictions:
        """Predict for rows as a list of dicts, columns as a dict, or a DataFrame.

        Args:
            interval: The share of true values that the intervals are to cover.
            by: The member that answers: ``accurate``, the network, or ``formula``; ``auto`` is an exact
                formula, else the network. ``by`` of the answer tells which it was.
        """
        return self._do(endpoints.predict(model, rows, interval, by))

    def predict_dataset(
        self,
        model: AnyModel,
        dataset: AnyDataset,
        path: str | PathLike[str],
        *,
        progress: Shown = True,
        **body: Any,
    ) -> Path:
        """Predict a whole dataset into a file, and wait for it. If that is interrupted, the job goes on.

        Args:
            path: The file; as CSV if its name ends so, else as Parquet.
            body: What else the job is to be, as ``POST /jobs`` takes it: ``interval``, ``by``, ….

        Raises:
            JobFailed: The job failed.
            JobCancelled: Someone cancelled it.
        """
        return self._do(endpoints.predict_dataset(model, dataset, path, progress, body))

    def study(
        self,
        dataset: AnyDataset,
        target: str | None,
        vary: Mapping[str, Sequence[Any]],
        path: str | PathLike[str],
        *,
        progress: Shown = True,
        **body: Any,
    ) -> Path:
        """Train with every combination of some settings, and write a table of what came of each.

        Args:
            target: The column to predict; None for ``task="density"``.
            vary: Settings by their path, with the values to try: ``{"network.grid": [3, 5, 10]}``.
            path: The file; as CSV if its name ends so, else as Parquet.
            body: As for ``train``; with ``refine=True`` one network goes through the grids.

        Raises:
            JobFailed: None of the trainings succeeded.
            JobCancelled: Someone cancelled it.
        """
        return self._do(endpoints.study(dataset, target, vary, path, progress, body))

    def result(self, job: AnyJob, path: str | PathLike[str]) -> Path:
        """Write what a job has made to a file: the predictions for a dataset."""
        return self._do(endpoints.result(job, path))

    def formula(self, model: AnyModel, format: FormulaFormat = "text") -> str:
        """The formula of a model in one of several languages, a line for every output."""
        return self._do(endpoints.formula(model, format))

    def symbolic(self, model: AnyModel) -> Symbolic:
        """The formulas of a model with their errors, domains and alternatives."""
        return self._do(endpoints.symbolic(model))

    def edges(self, model: AnyModel) -> Edges:
        """Every activation of a model as a curve, and what fits it best."""
        return self._do(endpoints.edges(model))

    def figures(self, model: AnyModel) -> Figures:
        """The numbers behind the pictures of a model."""
        return self._do(endpoints.figures(model))

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
            save: A file for it, as PNG if its name ends so.
            name: ``network``, ``history``, ``parity``, ``residuals``, ``effects`` or ``importance``; of a
                density ``density``, of solved equations ``solution``.
            theme: ``light`` or ``dark``.
            lang: The language of its words and numbers, ``en`` or ``ru``.
            width: Pixels across of a PNG.
        """
        return self._do(endpoints.plot(model, save, name, theme, lang, width))

    def export(self, model: AnyModel, format: str, path: str | PathLike[str]) -> Path:
        """Write a model to a file, for example as ``safetensors``."""
        return self._do(endpoints.export(model, format, path))

    def import_model(self, file: File, name: str | None = None) -> Model:
        """Add a model from a file of ``export`` as ``safetensors``, under its own name or another."""
        return self._do(endpoints.import_model(file, name))

    def card(self, model: AnyModel) -> Card:
        """What a model predicts, from what, how well, where it holds, and how it was made."""
        return self._do(endpoints.card(model))

    def card_text(self, model: AnyModel) -> str:
        """The same in words, as Markdown."""
        return self._do(endpoints.card_text(model))

    def compare(self, *models: AnyModel) -> Comparison:
        """Models of one target side by side, with a warning where a difference of metrics may say little."""
        return self._do(endpoints.compare(models))

    def aliases(self, name: str) -> list[Alias]:
        """What every alias of a name stands for; ``change`` sets one and takes them away."""
        return self._do(endpoints.aliases(name))

    def alias_history(self, name: str, alias: str | None = None) -> Iterator[AliasMove]:
        """How the aliases of a name came to be, or one of them, newest first."""
        return self._each(Listing(AliasMove, "aliases", name=name, alias=alias))

    def change(self, model: AnyModel, **changes: Unpack[ModelChanges]) -> Model:
        """Rename a model, replace its ``tags``, or give it an ``alias``; ``alias=None`` takes all from it.

        It wants the model or its id: what a name stands for may change meanwhile.
        """
        return self._do(endpoints.change(model, changes))

    def delete(self, thing: Dataset | Job | Model) -> None:
        """Delete a dataset, a finished job or a model for ever."""
        self._do(endpoints.delete(thing))

    def usage(self) -> Usage:
        """What is stored, and what may be."""
        return self._do(endpoints.usage())

    def _each(self, listing: Listing[Any]) -> Iterator[Any]:
        while listing.has_more:
            yield from self._do(listing.next_page())

    def _do(self, steps: Steps[T]) -> T:
        with closing(steps):
            try:
                request = next(steps)
                while True:
                    request = steps.send(self._outcome(request))
            except StopIteration as end:
                result: T = end.value
                return result

    def _outcome(self, request: Request) -> Outcome:
        time.sleep(request.after_s)
        try:
            with self._http.stream(**request.options(self._timeout)) as response:
                if response.is_success and request.into:
                    with arriving(request.into) as file:
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
