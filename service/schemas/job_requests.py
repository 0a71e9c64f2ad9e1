"""Requests of jobs of all kinds, as one union.

Apart from ``service.schemas.jobs``: the client reads jobs, and need not import the schemas of all requests.
"""

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Tag, TypeAdapter

from service.schemas.common import RequestModel
from service.schemas.job_kinds import JOB_KINDS, AnyRequest
from service.schemas.training import TrainRequest


def _read_kind(body: Any) -> Any:
    """Kind of a job request; ``train`` if the body has none."""
    return body.get("kind", "train") if isinstance(body, dict) else getattr(body, "kind", None)


if TYPE_CHECKING:
    JobRequest = AnyRequest
else:
    *_OTHERS, _LAST = JOB_KINDS
    _DEFAULT = next(iter(JOB_KINDS))
    JobRequest = Annotated[
        reduce(or_, (Annotated[kind.request, Tag(kind.name)] for kind in JOB_KINDS.values())),
        Discriminator(
            _read_kind,
            custom_error_type="unknown_kind",
            custom_error_message=f"kind is {', '.join(_OTHERS)} or {_LAST}; without it, {_DEFAULT}",
        ),
    ]
_READER: TypeAdapter[AnyRequest] = TypeAdapter(JobRequest)


def read_request(document: dict[str, Any]) -> AnyRequest:
    """Parse the stored request of a job."""
    return _READER.validate_python(document)


class SubtaskRequest(RequestModel):
    """A subtask of a training as stored in its row; no client sends this.

    Args:
        name: The operation.
        input: Its input.
        training: The request of the training.
        max_seconds: Remaining time of the training.
    """

    kind: Literal["part"] = "part"
    name: str
    input: dict[str, Any]
    training: TrainRequest
    max_seconds: float
