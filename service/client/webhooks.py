"""For receivers of webhooks: verification of messages."""

import hmac
import json
import time
from collections.abc import Mapping
from typing import Any

from service.client.errors import ClientError
from service.webhooks.signatures import sign

MAX_AGE_S = 300  # and as far in the future: a copied message must not be accepted for ever


class InvalidSignature(ClientError):
    """A message was not sent by the service, has been changed, or is too old."""


def verify(
    body: bytes | str, headers: Mapping[str, str], secret: str, *, max_age_s: float = MAX_AGE_S
) -> dict[str, Any]:
    """The message of a webhook, if the service has signed it.

        message = verify(request.body, request.headers, "whsec_…")
        message["type"], message["sequence"], message["data"]["model_id"]

    A message may arrive more than once, with the same ``webhook-id``.

    Args:
        body: The bytes of the request, as they were received.
        headers: The headers of the request.
        secret: What ``POST /webhooks/secret`` answered.
        max_age_s: Largest difference between the clocks, with the time of the transfer.

    Raises:
        InvalidSignature: The message is not to be trusted.
        ValueError: The secret is not ``whsec_`` and base64.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    try:
        message_id, signatures = fields["webhook-id"], fields["webhook-signature"].split()
        timestamp = int(fields["webhook-timestamp"])
    except (KeyError, ValueError):
        raise InvalidSignature(
            "the headers webhook-id, -timestamp and -signature are not those of a webhook"
        ) from None
    if abs(time.time() - timestamp) > max_age_s:
        raise InvalidSignature(f"the message is not from the last {max_age_s:g} s; check the clock")
    content = body.encode() if isinstance(body, str) else body
    correct_signature = sign(secret, message_id, timestamp, content).encode()
    if not any(hmac.compare_digest(signature.encode(), correct_signature) for signature in signatures):
        raise InvalidSignature("no signature of the message fits the secret")
    message: dict[str, Any] = json.loads(content)
    return message
