"""The trace of a job's search, as clients see it."""

from kan_engine.formulas.trace import SearchTrace
from service.db.repositories import Jobs
from service.db.session import Sessions
from service.schemas.jobs import TraceOut


def read_trace(job_id: str, sessions: Sessions) -> TraceOut:
    """The trace of the search of a job; without steps if there is none.

    Raises:
        NotFound: There is no such job.
    """
    with sessions.read() as session:
        jobs = Jobs(session)
        jobs.get(job_id)
        document = jobs.find_trace(job_id)
    return TraceOut.model_validate(SearchTrace().to_dict() | document)
