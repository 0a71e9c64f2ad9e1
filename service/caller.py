"""The caller of a request: tenant, API key and scopes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """Permissions of an API key."""

    READ = "read"  # read datasets, jobs and models
    TRAIN = "train"  # add, change and delete them
    PREDICT = "predict"  # predict with models
    ADMIN = "admin"  # all of these, and the audit log


DEFAULT_SCOPES = (Scope.READ, Scope.TRAIN, Scope.PREDICT)
DEFAULT_TENANT = "default"  # tenant of a service without keys, and of keys without a tenant


@dataclass(frozen=True, kw_only=True)
class Caller:
    """The client, or the process of the service, that reads and writes rows.

    Attributes:
        tenant: Owner of all rows that the caller can see.
        scopes: What the caller may do; ``admin`` includes the others.
        key_id: Id of the API key; None on a service without keys, and for processes of the service.
        name: Label of that key, for the audit log.
    """

    tenant: str = DEFAULT_TENANT
    scopes: frozenset[Scope] = frozenset(Scope)
    key_id: str | None = None
    name: str = "local"

    def has_scope(self, scope: Scope) -> bool:
        """Whether the caller has this scope, or ``admin``."""
        return scope in self.scopes or Scope.ADMIN in self.scopes


LOCAL_CALLER = Caller()  # without keys, on loopback, every caller has all scopes
