"""Submit, cancel, retry and delete jobs."""

import re
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from kan_engine.fingerprint import fingerprint
from service.db.repositories.audit import Audit
from service.db.repositories.jobs import Jobs
from service.db.session import Sessions, clock
from service.db.tables import Job
from service.errors import Invalid
from service.operations.entity_tags import refuse_stale
from service.operations.jobs.admission import ADMISSIONS, AdmissionContext
from service.operations.jobs.batch_checks import preload_members
from service.operations.jobs.cost_estimate import refuse_too_long
from service.operations.jobs.duration_estimate import estimate_seconds
from service.operations.jobs.limits import DEFAULT_ADMISSION, DEFAULT_DURATIONS, AdmissionLimits
from service.operations.prediction.predictor_cache import PredictorCache
from service.operations.quotas import refuse_more_jobs
from service.operations.webhooks import choose_webhook
from service.queue import TaskQueue
from service.schemas.common import WebhookOptions
from service.schemas.job_kinds import AnyRequest
from service.schemas.job_requests import read_request
from service.schemas.jobs import JobOut
from service.settings import Settings
from service.storage.deletion import remove_job

KEY_LIFETIME = timedelta(hours=24)  # of an idempotency key, as documented in the API
IDEMPOTENCY_KEY = re.compile(
    r'"?([ -!#-\[\]-~]{1,255})"?'
)  # a structured-field string, or the same without quotes


@dataclass(frozen=True)
class Submission:
    """A job, and whether an earlier request submitted it under the same idempotency key."""

    job: Job
    is_replay: bool


def submit(
    request: AnyRequest,
    sessions: Sessions,
    queue: TaskQueue,
    settings: Settings,
    predictors: PredictorCache,
    *,
    idempotency_key: str | None = None,
    limits: AdmissionLimits = DEFAULT_ADMISSION,
) -> Submission:
    """Check a job against its dataset or model, record it, and notify workers.

    The job is committed before it is queued: a worker quicker than the commit would look for a row
    that does not exist yet. A second submission under the same key returns the job of the first.

    Raises:
        NotFound: There is no such dataset or model.
        Conflict: The model's dataset has been deleted, or the tenant has no secret to sign webhooks.
        Invalid: The dataset or the model does not allow the request, it would cost too much, its webhook is
            not allowed, or the key belongs to another request.
        OutOfSpace: The tenant is over its storage quota, and the result of the job would be a file.
        TooMany: The tenant has too many unfinished jobs.
    """
    key = _read_key(idempotency_key)
    preload_members(request, sessions, predictors)
    try:
        submission = _record_job(request, sessions, settings, predictors, limits, key)
    except IntegrityError:  # another request recorded its job under the key at the same moment
        submission = _record_job(request, sessions, settings, predictors, limits, key)
    if not submission.is_replay:
        _notify_workers(submission.job, sessions, queue)
    return submission


def cancel(job_id: str, sessions: Sessions, *, keep_best: bool) -> Job:
    """Cancel a queued job, or ask a running one to stop.

    Raises:
        NotFound: There is no such job.
        Conflict: The job has finished.
    """
    with sessions.begin() as session:
        jobs = Jobs(session)
        job = jobs.cancel(job_id, keep_best=keep_best)
        Audit(session).add("job.cancel", job_id, keep_best=keep_best)
        return jobs.load_dataset_name(job)


def retry(
    job_id: str,
    sessions: Sessions,
    queue: TaskQueue,
    settings: Settings,
    predictors: PredictorCache,
    *,
    limits: AdmissionLimits = DEFAULT_ADMISSION,
) -> Job:
    """Submit the request of a finished job again, as a new job.

    Raises:
        NotFound: There is no such job, or its dataset or model has been deleted.
        Conflict: The job has not finished.
    """
    with sessions.read() as session:
        earlier = Jobs(session).get_finished(job_id)
    request = read_request(earlier.request)
    if earlier.webhook is not None:
        webhook = WebhookOptions.model_validate(earlier.webhook)
        request = request.model_copy(update={"webhook": webhook})
    preload_members(request, sessions, predictors)
    with sessions.begin() as session:
        job = _add_job(request, session, sessions, settings, predictors, limits, retry_of=job_id)
    _notify_workers(job, sessions, queue)
    return job


def delete(job_id: str, sessions: Sessions, *, if_match: str | None = None) -> None:
    """Remove a finished job with its events and its result. Its model stays.

    Raises:
        NotFound: There is no such job.
        Conflict: The job has not finished.
        Stale: Its entity tag is not in ``if_match``.
    """
    with sessions.begin() as session:
        job = Jobs(session).get_finished(job_id, hold=True)
        refuse_stale(JobOut.from_row(job), if_match, what=f"job {job_id}", code="job_changed")
        remove_job(session, job)


def _record_job(
    request: AnyRequest,
    sessions: Sessions,
    settings: Settings,
    predictors: PredictorCache,
    limits: AdmissionLimits,
    key: str | None,
) -> Submission:
    with sessions.begin() as session:
        jobs = Jobs(session)
        earlier = key and jobs.find_by_key(key, since=clock(session) - KEY_LIFETIME)
        if earlier:
            return _replay(earlier, request)
        job = _add_job(request, session, sessions, settings, predictors, limits, idempotency_key=key)
        return Submission(job, is_replay=False)


def _replay(earlier: Job, request: AnyRequest) -> Submission:
    if earlier.request_sha256 != _hash_request(request):
        detail = "this Idempotency-Key was used for another request; send a new key with a new request"
        raise Invalid("idempotency_key_reused", detail)
    return Submission(earlier, is_replay=True)


def _add_job(
    request: AnyRequest,
    session: Session,
    sessions: Sessions,
    settings: Settings,
    predictors: PredictorCache,
    limits: AdmissionLimits,
    *,
    idempotency_key: str | None = None,
    retry_of: str | None = None,
) -> Job:
    refuse_more_jobs(session, settings)
    webhook = choose_webhook(request.webhook, session, settings)
    limited_request = _limit_job_time(request, settings)
    context = AdmissionContext(session, sessions, settings, predictors, limits)
    admission = ADMISSIONS[request.kind](limited_request, context)
    jobs = Jobs(session)
    job = jobs.add(
        kind=request.kind,
        request=admission.request.model_dump(mode="json", by_alias=True),
        request_sha256=_hash_request(request),
        dataset_id=admission.dataset_id,
        idempotency_key=idempotency_key,
        retry_of=retry_of,
        priority=request.priority,
        webhook=webhook,
    )
    job.estimated_seconds = estimate_seconds(job, admission.request, session, DEFAULT_DURATIONS)
    Audit(session).add("job.submit", job.id, kind=request.kind, retry_of=retry_of)
    return jobs.load_dataset_name(job)


def _hash_request(request: AnyRequest) -> str:
    """The hash by which a repeated submission is recognised; the webhook is part of it, if there is one."""
    webhook = {} if request.webhook is None else {"webhook": request.webhook.model_dump(mode="json")}
    return fingerprint(request.model_dump(mode="json") | webhook)


def _limit_job_time(request: AnyRequest, settings: Settings) -> AnyRequest:
    """Refuse ``max_seconds`` over the limit of the service; reduce a default to the limit."""
    if "max_seconds" not in request.model_fields_set and request.max_seconds > settings.max_job_seconds:
        return request.model_copy(update={"max_seconds": settings.max_job_seconds})
    refuse_too_long(request.max_seconds, settings)
    return request


def _notify_workers(job: Job, sessions: Sessions, queue: TaskQueue) -> None:
    """Notify workers, and record it, so that no sweeper soon notifies them of this job again."""
    if queue.notify(job.id, job.kind):
        with sessions.begin() as session:
            Jobs(session).set_published(job.id)


def _read_key(header: str | None) -> str | None:
    if header is None:
        return None
    match = IDEMPOTENCY_KEY.fullmatch(header.strip())
    if match is None:
        detail = (
            "an Idempotency-Key has 1 to 255 printable ASCII characters, with or without surrounding quotes"
        )
        raise Invalid("invalid_idempotency_key", detail)
    return match[1]
