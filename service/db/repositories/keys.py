"""API keys: who may call a service that other machines can reach."""

import hashlib
import secrets
from collections.abc import Sequence

from sqlalchemy import exists, or_, select
from sqlalchemy.orm import Session

from service.db.session import clock
from service.db.tables import ApiKey

SCHEME = "kan_"
SHOWN = 12  # characters of a key that lists show, the scheme among them


class ApiKeys:
    """Keys of clients. A key itself is seen once, when it is made; kept are its hash and its beginning.

    A plain SHA-256 is enough: a key has 256 random bits, so there is nothing to guess, and a slow
    hash would cost every request.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, name: str) -> tuple[ApiKey, str]:
        """Make a key; the second value is the only copy of it."""
        secret = SCHEME + secrets.token_urlsafe(32)
        key = ApiKey(
            name=name, prefix=secret[:SHOWN], sha256=_digest(secret), created_at=clock(self._session)
        )
        self._session.add(key)
        self._session.flush()
        return key, secret

    def list(self) -> Sequence[ApiKey]:
        """All keys, revoked ones too, oldest first."""
        return self._session.scalars(select(ApiKey).order_by(ApiKey.id)).all()

    def find(self, secret: str) -> ApiKey | None:
        """The key that is ``secret``, if it is one and is not revoked."""
        wanted = select(ApiKey).where(ApiKey.sha256 == _digest(secret), ApiKey.revoked_at.is_(None))
        return self._session.scalars(wanted).one_or_none()

    def any_valid(self) -> bool:
        """Whether anyone can come in at all."""
        return bool(self._session.scalar(select(exists().where(ApiKey.revoked_at.is_(None)))))

    def revoke(self, id_or_prefix: str) -> ApiKey | None:
        """End a key for good; ``None`` if there is no such key. Revoking twice keeps the first time."""
        named = or_(ApiKey.id == id_or_prefix, ApiKey.prefix == id_or_prefix)
        key = self._session.scalars(select(ApiKey).where(named)).first()
        if key is not None and key.revoked_at is None:
            key.revoked_at = clock(self._session)
        return key


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
