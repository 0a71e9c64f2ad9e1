"""Rate limits per key: token buckets in this process, or in Redis for all processes together.

A bucket holds as many tokens as a key may send requests in a minute, and refills at that rate. Each request
takes one. While Redis is unreachable all requests pass, so that an outage of the broker fails none.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from service.api.http.limits import HttpLimits

log = logging.getLogger(__name__)

WINDOW_S = 60

BUCKET_SCRIPT = """
local size, rate = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
local kept = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = math.min(size, (tonumber(kept[1]) or size) + (now - (tonumber(kept[2]) or now)) * rate)
local is_allowed = 0
if tokens >= 1 then
  is_allowed = 1
  tokens = tokens - 1
end
redis.call('HSET', KEYS[1], 'tokens', tokens, 'at', now)
redis.call('EXPIRE', KEYS[1], math.ceil(size / rate) + 1)
return {is_allowed, tostring(tokens)}
"""


@dataclass(frozen=True)
class Allowance:
    """The state of a key's bucket after a request.

    Attributes:
        is_allowed: Whether the bucket had a token for the request.
        limit: Requests per minute.
        tokens: Tokens left in the bucket.
    """

    is_allowed: bool
    limit: int
    tokens: float

    @property
    def headers(self) -> dict[str, str]:
        """Policy, tokens left, seconds until the bucket is full (draft-ietf-httpapi-ratelimit-headers-11)."""
        full_s = math.ceil((self.limit - self.tokens) * WINDOW_S / self.limit)
        return {
            "RateLimit-Policy": f'"default";q={self.limit};w={WINDOW_S}',
            "RateLimit": f'"default";r={int(self.tokens)};t={full_s}',
        }

    @property
    def retry_after_s(self) -> int:
        """Whole seconds until the bucket has a token; at least 1."""
        return max(1, math.ceil((1 - self.tokens) * WINDOW_S / self.limit))


class RateLimiter(Protocol):
    """Token buckets by key."""

    def take(self, who: str) -> Allowance | None:
        """Take a token for a request; None while requests are not counted."""
        ...


class LocalRateLimiter:
    """Token buckets of this process alone."""

    def __init__(
        self, limit: int, clock: Callable[[], float] = time.monotonic, *, limits: HttpLimits
    ) -> None:
        self._limit, self._clock, self._limits = limit, clock, limits
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, who: str) -> Allowance:
        """Take a token."""
        with self._lock:
            now = self._clock()
            tokens = self._compute_tokens(*self._buckets.get(who, (float(self._limit), now)), now)
            is_allowed = tokens >= 1
            self._buckets[who] = tokens - is_allowed, now
            if len(self._buckets) > self._limits.max_buckets:
                self._drop_full_buckets(now)
        return Allowance(is_allowed, self._limit, tokens - is_allowed)

    def _compute_tokens(self, tokens: float, at: float, now: float) -> float:
        return min(self._limit, tokens + (now - at) * self._limit / WINDOW_S)

    def _drop_full_buckets(self, now: float) -> None:
        buckets = self._buckets.items()
        self._buckets = {who: b for who, b in buckets if self._compute_tokens(*b, now) < self._limit}


class RedisRateLimiter:
    """Token buckets in Redis, which all processes share; timed by the clock of Redis.

    Args:
        redis_timeout_s: Of the count of requests.
        redis_retry_pause_s: Without another attempt after Redis was unreachable: not every request should
            wait for it.
    """

    def __init__(
        self, limit: int, url: str, *, redis_timeout_s: float = 0.2, redis_retry_pause_s: float = 5.0
    ) -> None:
        import redis  # noqa: PLC0415  # takes half a second, which a service without Redis saves

        self._errors = redis.RedisError
        self._limit, self._silent_until = limit, 0.0
        self._retry_pause_s = redis_retry_pause_s
        client = redis.Redis.from_url(
            url, socket_timeout=redis_timeout_s, socket_connect_timeout=redis_timeout_s
        )
        self._take = client.register_script(BUCKET_SCRIPT)

    def take(self, who: str) -> Allowance | None:
        """Take a token; None while Redis is unreachable."""
        if time.monotonic() < self._silent_until:
            return None
        try:
            answer = self._take(keys=[f"kan:rate:{who}"], args=[self._limit, self._limit / WINDOW_S])
        except self._errors as error:
            self._silent_until = time.monotonic() + self._retry_pause_s
            log.warning("requests are not counted", extra={"reason": type(error).__name__})
            return None
        is_allowed, tokens = cast("tuple[int, bytes]", answer)
        return Allowance(bool(is_allowed), self._limit, float(tokens))


def make_rate_limiter(limit: int, broker_url: str, limits: HttpLimits) -> RateLimiter | None:
    """Return a limiter for ``limit`` requests per minute and key; None if ``limit`` is 0."""
    if not limit:
        return None
    is_shared = broker_url.startswith(("redis://", "rediss://"))
    if is_shared:
        return RedisRateLimiter(limit, broker_url)
    return LocalRateLimiter(limit, limits=limits)
