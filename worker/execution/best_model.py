"""The end of a job whose time is over: its best model so far becomes its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.db.repositories import Jobs, TrainedModels

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from service.db.tables import Job


def end_with_best_model(session: Session, job_id: str, token: str, stage: str | None) -> Job | None:
    """End a job with the model that it has published; None without one, or if another process holds the job.

    A job whose client cancelled it and asked for the best result ends as cancelled, any other as succeeded.

    Args:
        session: The transaction.
        job_id: The job.
        token: Token of the process that holds it.
        stage: Stage in which it ends; None if the process has reported none.
    """
    jobs, models = Jobs(session), TrainedModels(session)
    job, model = jobs.hold(job_id, token), models.find_by_jobs([job_id]).get(job_id)  # a client may delete it
    if job is None or model is None or (job.cancel_requested_at and not job.keep_best):
        return None
    stage = stage or jobs.find_last_stage(job_id) or "train"
    models.rename(model, (job.preview or {}).get("name") or model.name)
    if job.cancel_requested_at is None:
        warning = f"the time limit ended the job in its stage {stage!r}: this is its best model until then"
    else:
        warning = f"the job was stopped in its stage {stage!r}: this is its best model until then"
    record = {name: value for name, value in model.record.items() if name != "preview_of"}
    model.record = record | {"warnings": [*record.get("warnings", ()), warning]}
    job.preview = None
    end = jobs.succeed if job.cancel_requested_at is None else jobs.stop
    return end(job_id, token, model_id=model.id, cut_by=stage)
