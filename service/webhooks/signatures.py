"""Signatures of webhooks by the scheme of Standard Webhooks (https://www.standardwebhooks.com)."""

import base64
import binascii
import hashlib
import hmac
import secrets

SECRET_PREFIX = "whsec_"  # noqa: S105  # it marks a secret, and is none
SECRET_BYTES = 32


def make_secret() -> str:
    """A new random secret."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a message, ``v1,`` and its HMAC-SHA256.

    Args:
        timestamp: Seconds since 1970 of the attempt to send it.

    Raises:
        ValueError: The secret is not ``whsec_`` and base64.
    """
    content = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_decode_secret(secret), content, hashlib.sha256)).decode()


def _decode_secret(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"a secret is {SECRET_PREFIX} and base64; copy it again") from None
