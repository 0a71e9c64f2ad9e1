"""Parts of a job: pieces of the search that give the same whoever does them.

A part's result follows from the job's request, the part's name and its input alone. So another worker may do
it ahead while this one does something else, and one that took long is not done again after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar

from service.schemas.common import fingerprint

T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """A piece of a job.

    Args:
        name: What is to be done; see ``worker.jobs.subtask``.
        input: With what, as JSON.
    """

    name: str
    input: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """What tells it from others of the job."""
        return fingerprint([self.name, self.input])


class Parts(Protocol):
    """What is known of the parts of a job."""

    def result(
        self, part: Part, work: Callable[[], T], *, write: Callable[[T], bytes], read: Callable[[bytes], T]
    ) -> T:
        """Its result, by doing it unless that is known.

        Args:
            part: What is wanted.
            work: Does it.
            write: The result as bytes; ``read`` of them is the result again.
            read: The result from bytes.

        Raises:
            Waiting: Another worker is at it.
        """
        ...

    def peek(self, part: Part) -> bytes | None:
        """Its result if it is known."""
        ...

    def ahead(self, probable: Callable[[], Sequence[Part]]) -> AbstractContextManager[None]:
        """While the block runs, parts that will probably be wanted next are these, the most probable first.

        They come before those of the blocks around it.
        """
        ...


class Alone:
    """Every part is done when it is wanted, and nothing is kept."""

    def result(
        self,
        part: Part,  # noqa: ARG002
        work: Callable[[], T],
        *,
        write: Callable[[T], bytes],  # noqa: ARG002
        read: Callable[[bytes], T],  # noqa: ARG002
    ) -> T:
        """Do it."""
        return work()

    def peek(self, part: Part) -> bytes | None:  # noqa: ARG002
        """Nothing is known."""
        return None

    def ahead(self, probable: Callable[[], Sequence[Part]]) -> AbstractContextManager[None]:  # noqa: ARG002
        """There is nobody who would do them."""
        return nullcontext()
