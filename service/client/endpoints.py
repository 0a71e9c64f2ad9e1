"""The endpoints of the service as methods, which both clients share."""

from __future__ import annotations

from service.client.dataset_endpoints import DatasetEndpoints
from service.client.job_endpoints import JobEndpoints
from service.client.model_endpoints import ModelEndpoints
from service.client.results import Dataset, Job, Model, Usage
from service.client.transport import Request, make_path


class Endpoints(DatasetEndpoints, JobEndpoints, ModelEndpoints):
    """All methods of the clients."""

    async def delete(self, thing: Dataset | Job | Model) -> None:
        """Delete a dataset, a finished job or a model permanently."""
        kind = "datasets" if isinstance(thing, Dataset) else "jobs" if isinstance(thing, Job) else "models"
        await self._transport.send(Request("DELETE", make_path(kind, thing.id)))

    async def usage(self) -> Usage:
        """Resource usage and limits."""
        return await self._transport.get(Usage, "usage")
