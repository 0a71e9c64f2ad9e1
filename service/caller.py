"""Who calls, for whom, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key allows."""

    READ = "read"  # look at datasets, jobs, models
    TRAIN = "train"  # add, change and delete them
    PREDICT = "predict"  # ask models
    ADMIN = "admin"  # all of it, and the audit log


USUAL = (Scope.READ, Scope.TRAIN, Scope.PREDICT)
OWN = "default"  # tenant of a service without keys, and of keys that name none


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Someone on whose behalf rows are read and written.

    Attributes:
        tenant: Owner of all that the caller can see.
        scopes: What the caller may do; ``admin`` includes the others.
        key_id: The key that was sent; None on a service without keys, and for processes of the service.
        name: The label of that key, for the audit log.
    """

    tenant: str = OWN
    scopes: frozenset[Scope] = frozenset(Scope)
    key_id: str | None = None
    name: str = "local"

    def may(self, scope: Scope) -> bool:
        """Whether the caller's key allows this."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


LOCAL = Caller()  # on loopback there are no keys, and everyone may do everything
