"""API keys: authentication of a service that other machines can reach."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import ColumnElement, and_, exists, or_, select
from sqlalchemy.orm import Session

from service.caller import DEFAULT_SCOPES, DEFAULT_TENANT, Scope
from service.db.session import clock
from service.db.tables import ApiKey, StoredWebhook
from service.errors import Unauthorized

SCHEME = "kan_"
PREFIX_CHARACTERS = 12  # of a key that lists show, including the scheme


class ApiKeys:
    """Keys of clients. A key is shown once, when it is made; only its hash and its prefix are stored.

    A plain SHA-256 is enough: a key has 256 random bits, so it cannot be guessed, and a slow hash would delay
    every request.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        name: str,
        *,
        tenant: str = DEFAULT_TENANT,
        scopes: Collection[Scope] = DEFAULT_SCOPES,
        lifetime: timedelta | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key; the second value is the only copy of the secret."""
        secret, now = SCHEME + secrets.token_urlsafe(32), clock(self._session)
        key = ApiKey(
            tenant=tenant,
            name=name,
            prefix=secret[:PREFIX_CHARACTERS],
            sha256=_digest(secret),
            scopes=sorted(scopes),
            created_at=now,
            expires_at=lifetime and now + lifetime,
        )
        self._session.add(key)
        self._session.flush()
        return key, secret

    def list(self) -> Sequence[ApiKey]:
        """All keys, including revoked ones, oldest first."""
        return self._session.scalars(select(ApiKey).order_by(ApiKey.id)).all()

    def find(self, secret: str) -> ApiKey | None:
        """The valid key with this secret, if there is one."""
        return self._session.scalar(select(ApiKey).where(ApiKey.sha256 == _digest(secret), self._is_valid()))

    def refuse_invalid(self, key_id: str) -> None:
        """Refuse to continue a request whose key has become invalid since the request began.

        Raises:
            Unauthorized: The key is expired or revoked.
        """
        if not self._session.scalar(select(exists().where(ApiKey.id == key_id, self._is_valid()))):
            raise Unauthorized("invalid_key", "this key is expired or revoked; ask for a new one")

    def is_use_record_due(self, key: ApiKey, *, interval: timedelta = timedelta(minutes=1)) -> bool:
        """Whether the recorded last use is older than ``interval``: not every request writes."""
        return key.last_used_at is None or key.last_used_at < clock(self._session) - interval

    def record_use(self, key_id: str) -> None:
        """Record that a key is in use."""
        self._session.get_one(ApiKey, key_id).last_used_at = clock(self._session)

    def webhook_of(self, key_id: str) -> StoredWebhook | None:
        """The webhook of jobs that this key submits without one of their own."""
        return self._session.scalar(select(ApiKey.webhook).where(ApiKey.id == key_id))

    def has_key(self) -> bool:
        """Whether a key was ever made."""
        return bool(self._session.scalar(select(exists().select_from(ApiKey))))

    def has_valid_key(self) -> bool:
        """Whether there is a valid key."""
        return bool(self._session.scalar(select(exists().where(self._is_valid()))))

    def revoke(self, id_or_prefix: str) -> ApiKey | None:
        """Revoke a key; ``None`` if there is no such key. A second call keeps the first time."""
        key = self.find_named(id_or_prefix)
        if key is not None and key.revoked_at is None:
            key.revoked_at = clock(self._session)
        return key

    def find_named(self, id_or_prefix: str) -> ApiKey | None:
        """The key with this id or these first characters, if there is one."""
        condition = or_(ApiKey.id == id_or_prefix, ApiKey.prefix == id_or_prefix)
        return self._session.scalars(select(ApiKey).where(condition)).first()

    def _is_valid(self) -> ColumnElement[bool]:
        is_in_time = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > clock(self._session))
        return and_(ApiKey.revoked_at.is_(None), is_in_time)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
