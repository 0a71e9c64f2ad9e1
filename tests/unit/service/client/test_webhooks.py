"""Receivers can tell messages of the service from others."""

import base64
import json
import time

import pytest
from standardwebhooks.webhooks import Webhook

from service.client.webhooks import InvalidSignature, verify
from service.webhooks.signatures import make_secret, sign

BODY = json.dumps({"type": "job.succeeded", "data": {"name": "закон"}}, ensure_ascii=False).encode()
SECRET = make_secret()


def headers(*secrets: str, timestamp: int | None = None, body: bytes = BODY) -> dict[str, str]:
    timestamp = int(time.time()) if timestamp is None else timestamp
    signatures = " ".join(sign(secret, "m1", timestamp, body) for secret in secrets)
    return {"Webhook-Id": "m1", "Webhook-Timestamp": str(timestamp), "Webhook-Signature": signatures}


def test_a_signed_message_is_returned() -> None:
    assert verify(BODY, headers(SECRET), SECRET) == json.loads(BODY)
    assert verify(BODY.decode(), headers(SECRET), SECRET) == json.loads(BODY)


def test_the_reference_library_verifies_it() -> None:
    assert Webhook(SECRET).verify(BODY, {k.lower(): v for k, v in headers(SECRET).items()}) == json.loads(
        BODY
    )


def test_a_signature_of_the_standard_is_made() -> None:
    """The example of https://www.standardwebhooks.com."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    made = sign(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_message_with_two_signatures_fits_both_secrets() -> None:
    another = make_secret()
    for secret in (SECRET, another):
        assert verify(BODY, headers(another, SECRET), secret) == json.loads(BODY)


@pytest.mark.parametrize("age_s", [-301, 301])
def test_an_old_message_is_refused(age_s: int) -> None:
    with pytest.raises(InvalidSignature, match="300 s"):
        verify(BODY, headers(SECRET, timestamp=int(time.time()) - age_s), SECRET)


@pytest.mark.parametrize(
    "change",
    [
        {"Webhook-Id": "m2"},
        {"Webhook-Signature": "v1,AAAA"},
        {"Webhook-Signature": "v1a,ключ"},
        {"Webhook-Signature": ""},
        {"Webhook-Timestamp": "now"},
    ],
)
def test_a_changed_message_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(InvalidSignature):
        verify(BODY, headers(SECRET) | change, SECRET)


def test_another_body_or_secret_or_no_headers_are_refused() -> None:
    for body, given, secret in (
        (BODY + b" ", headers(SECRET), SECRET),
        (BODY, headers(SECRET), make_secret()),
        (BODY, {}, SECRET),
    ):
        with pytest.raises(InvalidSignature):
            verify(body, given, secret)


def test_a_secret_has_as_many_bytes_as_the_standard_asks_for() -> None:
    assert 24 <= len(base64.b64decode(SECRET.removeprefix("whsec_"))) <= 64


def test_a_mistyped_secret_is_an_error_of_the_receiver() -> None:
    with pytest.raises(ValueError, match="copy it again"):
        verify(BODY, headers(SECRET), "whsec_not base64")
