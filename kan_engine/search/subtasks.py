"""Subtasks: steps of a search that other processes can execute.

The result of a subtask depends only on the data and settings of the search, the subtask's name and its input.
So another process may execute it in advance, and results of long subtasks can be reused after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeVar, runtime_checkable

from kan_engine.fingerprint import fingerprint

T = TypeVar("T")


@dataclass(frozen=True)
class Subtask:
    """A subtask of a search.

    Args:
        name: Name of its handler.
        input: Input of the handler, as JSON.
    """

    name: str
    input: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def key(self) -> str:
        """Identifies the subtask within its search."""
        return fingerprint([self.name, self.input])


@runtime_checkable
class SubtaskCache(Protocol):
    """Results of the subtasks of a search."""

    def get_or_compute(
        self, part: Subtask, work: Callable[[], T], *, write: Callable[[T], bytes], read: Callable[[bytes], T]
    ) -> T:
        """Return the result of a subtask; compute it if it is not known.

        Args:
            part: The subtask.
            work: Computes the result.
            write: Serialises the result.
            read: Deserialises it.
        """
        ...

    def peek(self, part: Subtask) -> bytes | None:
        """Return the serialised result of a subtask, or None if it is not known."""
        ...

    def select_features(self, names: Sequence[str]) -> None:
        """Declare the columns of the client that the search reads, so that no subtask screens them again."""
        ...

    def prefetch(self, probable: Callable[[], Sequence[Subtask]]) -> AbstractContextManager[None]:
        """Declare the subtasks that are probably needed next while the block runs, the most probable first.

        They take precedence over those of enclosing blocks.
        """
        ...


class InProcess:
    """Computes every subtask in this process when it is needed, and stores no results."""

    def get_or_compute(
        self,
        part: Subtask,  # noqa: ARG002
        work: Callable[[], T],
        *,
        write: Callable[[T], bytes],  # noqa: ARG002
        read: Callable[[bytes], T],  # noqa: ARG002
    ) -> T:
        """Compute the result."""
        return work()

    def peek(self, part: Subtask) -> bytes | None:  # noqa: ARG002
        """Return None: no results are stored."""
        return None

    def select_features(self, names: Sequence[str]) -> None:
        """Do nothing: no other process takes part."""

    def prefetch(self, probable: Callable[[], Sequence[Subtask]]) -> AbstractContextManager[None]:  # noqa: ARG002
        """Do nothing: no other process takes part."""
        return nullcontext()
