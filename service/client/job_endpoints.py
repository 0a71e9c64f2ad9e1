"""Methods of the clients for jobs: trainings, solutions of equations, studies, predictions of datasets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal, Unpack, overload
from uuid import uuid4

from service.client.arguments import (
    AnyDataset,
    AnyJob,
    AnyMeasurements,
    AnyModel,
    Equations,
    ListFilters,
    encode_filters,
    get_id,
)
from service.client.job_progress import follow_job
from service.client.progress_bar import ProgressOption, show_progress
from service.client.references import find_dataset_id, find_model_id
from service.client.results import Dataset, Job, Model, Trace
from service.client.table_payloads import encode_table
from service.client.transport import EndpointGroup, Request, make_get_request, make_path
from service.schemas.common import JobStatusName


class JobEndpoints(EndpointGroup):
    """Submitting jobs and waiting for them."""

    @overload
    async def train(
        self, /, dataset: AnyDataset, target: str, *, progress: ProgressOption = True, **body: Any
    ) -> Model: ...

    @overload
    async def train(
        self,
        /,
        dataset: AnyDataset,
        target: None = None,
        *,
        task: Literal["density"],
        features: Sequence[str],
        progress: ProgressOption = True,
        **body: Any,
    ) -> Model: ...

    async def train(
        self,
        /,
        dataset: AnyDataset,
        target: str | None = None,
        *,
        progress: ProgressOption = True,
        **body: Any,
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
        return await self._get_model(await self._run(dataset, target, body, progress))

    async def solve(self, /, *, progress: ProgressOption = True, **body: Unpack[Equations]) -> Model:
        """Solve differential equations and wait for the model of their solution.

            kan.solve(
                independent=["x"],
                unknowns=["y"],
                domain={"x": (0, 5)},
                equations=["y' = -y"],
                conditions=["y(0) = 1"],
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
        request_body: dict[str, Any] = {"kind": "solve", "conditions": [], **body}
        if request_body.get("measurements") is not None:
            request_body["measurements"] = await self._encode_measurements(request_body["measurements"])
        return await self._get_model(await self._run(None, None, request_body, progress))

    async def submit(
        self,
        /,
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
        return await self._submit(dataset, target, idempotency_key, body)

    async def wait(
        self, job: AnyJob, timeout: float | None = None, *, progress: ProgressOption = True
    ) -> Job:
        """Follow a job to its end; ``model_id`` is its model.

        Args:
            timeout: Longest wait in seconds; None for no limit.
            progress: As for ``train``.

        Raises:
            JobFailed: The job failed.
            JobCancelled: The job was cancelled and has no model.
            NotFinished: The job has not ended after ``timeout`` seconds; it continues.
        """
        with show_progress(progress) as show:
            return await follow_job(self._transport, get_id(job), timeout, show)

    async def job(self, job_id: str) -> Job:
        """The current state of a job."""
        return await self._transport.get(Job, "jobs", job_id)

    async def jobs(
        self,
        status: JobStatusName | None = None,
        *,
        kind: str | None = None,
        name: str | None = None,
        dataset: AnyDataset | None = None,
        model: AnyModel | None = None,
        **filters: Unpack[ListFilters],
    ) -> AsyncIterator[Job]:
        """All jobs, or those that match every filter, newest first.

        Args:
            kind: As in the body of ``POST /jobs``, such as ``study``.
            name: Name of the model that a training makes.
            dataset: The dataset that a job uses.
            model: The model that a job made or uses.
            filters: As for ``datasets``; ``search`` is a text in a name or a target.
        """
        query = encode_filters(filters) | {"status": status, "kind": kind, "name": name}
        if dataset is not None:
            query["dataset"] = await find_dataset_id(self._transport, dataset)
        if model is not None:
            query["model"] = await find_model_id(self._transport, model)
        async for job in self._transport.iterate(Job, "jobs", **query):
            yield job

    async def trace(self, job: AnyJob) -> Trace:
        """The steps of the search of a job that has ended: its strategies, what they proposed and kept."""
        return await self._transport.get(Trace, "jobs", get_id(job), "trace")

    async def cancel(self, job: AnyJob, *, keep_best: bool = False) -> Job:
        """Stop a job; with ``keep_best`` the best network so far becomes its model."""
        params = {"keep": "best" if keep_best else None}
        request = Request("POST", make_path("jobs", get_id(job), "cancel"), params)
        return await self._transport.fetch(Job, request)

    async def retry(self, job: AnyJob) -> Job:
        """Submit the request of a finished job again, as a new job."""
        return await self._transport.fetch(Job, Request("POST", make_path("jobs", get_id(job), "retry")))

    async def predict_dataset(
        self,
        /,
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
        request_body = {"kind": "predict", "model": get_id(model), "format": _file_format(path), **body}
        return await self.result(await self._run(dataset, None, request_body, progress), path)

    async def study(
        self,
        /,
        dataset: AnyDataset,
        target: str | Sequence[str] | None,
        vary: Mapping[str, Sequence[Any]],
        path: str | PathLike[str],
        *,
        progress: ProgressOption = True,
        **body: Any,
    ) -> Path:
        """Train with every combination of some settings, or for several targets, and write a table.

        Args:
            target: The column to predict, or several, each by trainings of its own; None for
                ``task="density"``.
            vary: Paths of settings with the values to try: ``{"network.grid": [3, 5, 10]}``; empty for
                several targets with the same settings.
            path: The file; CSV if its name ends with ``.csv``, else Parquet.
            body: As for ``train``; with ``refine=True`` one network is refined through the grids.

        Raises:
            JobFailed: None of the trainings succeeded.
            JobCancelled: The job was cancelled.
        """
        values = {setting: list(options) for setting, options in vary.items()}
        request_body: dict[str, Any] = {"kind": "study", "vary": values, "format": _file_format(path), **body}
        if not isinstance(target, str | None):
            request_body["targets"], target = list(target), None
        return await self.result(await self._run(dataset, target, request_body, progress), path)

    async def result(self, job: AnyJob, path: str | PathLike[str]) -> Path:
        """Write the result of a job to a file: predictions for a dataset, or the table of a study."""
        return await self._transport.download(make_get_request("jobs", get_id(job), "result"), path)

    async def _run(
        self,
        dataset: AnyDataset | None,
        target: str | None,
        body: Mapping[str, Any],
        progress: ProgressOption,
    ) -> Job:
        """Submit a job and wait for it."""
        return await self.wait(await self._submit(dataset, target, None, body), progress=progress)

    async def _submit(
        self,
        dataset: AnyDataset | None,
        target: str | None,
        idempotency_key: str | None,
        body: Mapping[str, Any],
    ) -> Job:
        """Submit a job with an idempotency key, so that a retry after a lost response makes no second job."""
        dataset_id = None if dataset is None else await find_dataset_id(self._transport, dataset)
        fields = {"dataset_id": dataset_id, "target": target}
        request_body = {**{name: value for name, value in fields.items() if value is not None}, **body}
        headers = {"Idempotency-Key": idempotency_key or str(uuid4())}
        request = Request("POST", "/jobs", headers=headers, body=request_body, is_repeatable=True)
        return await self._transport.fetch(Job, request)

    async def _get_model(self, job: Job) -> Model:
        return await self._transport.get(Model, "models", str(job.model_id))

    async def _encode_measurements(self, table: AnyMeasurements) -> Mapping[str, Any]:
        """Convert measurements to the form in the body of a job."""
        if isinstance(table, Dataset | str):
            return {"dataset_id": await find_dataset_id(self._transport, table)}
        if isinstance(table, Mapping) and table.keys() == {"dataset_id"}:
            return table
        return encode_table(
            table["columns"] if isinstance(table, Mapping) and table.keys() == {"columns"} else table
        )


def _file_format(path: str | PathLike[str]) -> str:
    return "csv" if Path(path).suffix.lower() == ".csv" else "parquet"
