"""Remove a dataset, a job or a model with its blobs, for clients and after the retention time.

The caller has locked the row (``service.db.session.TO_CHANGE``) and checked that it may be removed. The blob
is locked before the row is deleted. If two transactions delete the last rows that refer to a blob, the second
waits for the first, and then deletes the blob.
"""

from sqlalchemy.orm import Session

from service.db.repositories.audit import Audit
from service.db.repositories.datasets import Datasets
from service.db.repositories.jobs import Jobs
from service.db.repositories.models import TrainedModels
from service.db.repositories.webhooks import WebhookDeliveries
from service.db.tables import Dataset, Job, Model
from service.storage import blobs as storage


def remove_dataset(session: Session, dataset: Dataset) -> None:
    """Remove a dataset and, unless an equal one exists, its bytes. Models trained on it stay."""
    storage.lock_blobs(session, dataset.blob_sha256)
    Datasets(session).delete(dataset.id)
    storage.release_blob(session, dataset.blob_sha256)
    Audit(session).add("dataset.delete", dataset.id, name=dataset.name)


def remove_job(session: Session, job: Job) -> None:
    """Remove a finished job with its events, checkpoint, result and sent webhooks. Its model stays."""
    jobs = Jobs(session)
    blobs = jobs.list_blobs(job)
    storage.lock_blobs(session, *blobs)
    TrainedModels(session).keep_request(job)
    WebhookDeliveries(session).delete_of_job(job.id)
    jobs.delete(job)
    for sha256 in blobs:
        storage.release_blob(session, sha256)
    Audit(session).add("job.delete", job.id, kind=job.kind, status=job.status)


def remove_model(session: Session, model: Model) -> None:
    """Remove a model with its aliases and, unless another model has the same, its artifact."""
    storage.lock_blobs(session, model.artifact_sha256)
    TrainedModels(session).delete(model)
    storage.release_blob(session, model.artifact_sha256)
    Audit(session).add("model.delete", model.id, name=model.name, version=model.version)
