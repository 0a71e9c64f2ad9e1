"""What keeps a service usable: hosts it answers to, rates, quotas, and headers for browsers."""

from collections.abc import Callable

import httpx
import pytest
from fastapi.testclient import TestClient

from service.api.http.limits import DEFAULT_LIMITS, HttpLimits
from service.api.http.rate_limit import LocalRateLimiter, RedisRateLimiter, make_rate_limiter
from service.db.repositories.api_keys import ApiKeys
from service.db.session import Sessions
from service.main import create_app
from service.settings import Settings
from tests.support.servers import ValkeyServer, serving

TABLE = {"columns": {"x": [float(i) for i in range(40)], "y": [float(i * i) for i in range(40)]}}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def key(sessions: Sessions) -> dict[str, str]:
    with sessions.begin() as session:
        return {"Authorization": f"Bearer {ApiKeys(session).add('lab')[1]}"}


@pytest.mark.parametrize(
    ("host", "allowed_hosts", "name", "status"),
    [
        ("127.0.0.1", "", "127.0.0.1:8000", 200),
        ("127.0.0.1", "", "localhost", 200),
        ("127.0.0.1", "", "[::1]:8000", 200),
        ("127.0.0.1", "", "LOCALHOST:8000", 200),
        ("127.0.0.1", "", "evil.example", 400),
        ("127.0.0.1", "", "127.0.0.1.evil.example:8000", 400),
        ("127.0.0.1", "", "localhost@evil.example", 400),
        ("127.0.0.1", "kan.example", "kan.example", 200),
        ("0.0.0.0", "kan.example, other.example", "other.example:443", 200),
        ("0.0.0.0", "kan.example", "evil.example", 400),
        ("0.0.0.0", "", "any.example", 200),
    ],
)
def test_a_service_answers_only_to_its_own_names(
    start: Callable[..., TestClient], host: str, allowed_hosts: str, name: str, status: int
) -> None:
    answer = start(host=host, allowed_hosts=allowed_hosts).get("/health/live", headers={"Host": name})
    assert answer.status_code == status
    if status == 400:
        assert answer.json()["code"] == "host_not_allowed"


@pytest.mark.parametrize("path", ["/datasets", "/docs", "/", "/nothing", "/health/live"])
def test_every_answer_tells_browsers_to_be_careful(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("given", "is_kept"), [("abc-1", True), ("x" * 65, False), ("a b", False), ("<b>", False), ("", False)]
)
def test_an_answer_carries_the_id_of_its_request(client: TestClient, given: str, is_kept: bool) -> None:
    answered = client.get("/health/live", headers={"X-Request-ID": given}).headers["x-request-id"]
    assert (answered == given) is is_kept
    assert answered


def test_a_key_that_calls_too_often_is_told_when_to_come_again(
    start: Callable[..., TestClient], key: dict[str, str]
) -> None:
    client = start(host="0.0.0.0", rate_limit=3)
    answers = [client.get("/models", headers=key) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert [_left(answer) for answer in answers] == [2, 1, 0, 0]
    assert answers[0].headers["ratelimit-policy"] == '"default";q=3;w=60'
    refused = answers[-1]
    assert refused.json()["code"] == "rate_limited"
    assert 1 <= int(refused.headers["retry-after"]) <= 20
    assert client.get("/health/live").status_code == 200


def _left(answer: httpx.Response) -> int:
    return int(answer.headers["ratelimit"].split(";r=")[1].split(";")[0])


def test_loopback_has_no_rate(start: Callable[..., TestClient]) -> None:
    client = start(rate_limit=1)
    assert {client.get("/models").status_code for _ in range(5)} == {200}


def test_a_bucket_fills_again_and_is_never_fuller_than_full() -> None:
    now = [0.0]
    rates = LocalRateLimiter(60, clock=lambda: now[0], limits=DEFAULT_LIMITS)
    assert all(rates.take("a").is_allowed for _ in range(60))
    refused = rates.take("a")
    assert (refused.is_allowed, refused.retry_after_s) == (False, 1)
    assert rates.take("b").is_allowed
    now[0] = 2.0
    assert [rates.take("a").is_allowed for _ in range(3)] == [True, True, False]
    now[0] = 1e6
    assert rates.take("a").tokens == 59


def test_buckets_that_are_full_are_forgotten() -> None:
    now = [0.0]
    rates = LocalRateLimiter(60, clock=lambda: now[0], limits=HttpLimits(max_buckets=10))
    for number in range(1000):
        now[0] += 2
        rates.take(str(number))
    assert len(rates._buckets) <= 11


def test_all_processes_count_together_where_there_is_a_redis(redis_url: str) -> None:
    first, second = RedisRateLimiter(2, redis_url), RedisRateLimiter(2, redis_url)
    taken = [rates.take("a") for rates in (first, second, first)]
    assert [t.is_allowed for t in taken if t] == [True, True, False]
    assert taken[2] is not None
    assert taken[2].retry_after_s > 1


@pytest.mark.parametrize(("has_redis", "allowed"), [(True, 4), (False, 8)])
def test_a_key_may_call_so_often_over_all_processes_with_a_redis_and_each_without(
    settings: Settings, key: dict[str, str], redis_url: str, has_redis: bool, allowed: int
) -> None:
    """As the guide tells of `--processes`; two applications count as two processes do."""
    broker_url = redis_url if has_redis else settings.broker_url
    limited = settings.model_copy(update={"rate_limit": 4, "broker_url": broker_url})
    with serving(create_app(limited)) as first, serving(create_app(limited)) as second:
        urls = [first, second] * 6
        statuses = [httpx.get(f"{url}/models", headers=key).status_code for url in urls]
    assert statuses == [200] * allowed + [429] * (12 - allowed)


def test_requests_pass_while_redis_is_away(valkey: ValkeyServer) -> None:
    rates = make_rate_limiter(1, valkey.url, limits=DEFAULT_LIMITS)
    assert rates is not None
    assert rates.take("a")
    valkey.kill()
    assert rates.take("a") is None
    assert rates.take("a") is None


def test_a_tenant_has_no_more_unfinished_jobs_than_it_may(start: Callable[..., TestClient]) -> None:
    client = start(quota_jobs=2)
    dataset_id = client.post("/datasets", json=TABLE).json()["id"]
    answers = [client.post("/jobs", json={"dataset_id": dataset_id, "target": "y"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[2].json()["code"] == "too_many_jobs"
    assert client.get("/usage").json()["jobs"]["queued"] == 2
    client.post(f"/jobs/{answers[0].json()['id']}/cancel")
    assert client.post("/jobs", json={"dataset_id": dataset_id, "target": "y"}).status_code == 202


def test_a_tenant_stores_no_more_bytes_than_it_may(start: Callable[..., TestClient]) -> None:
    client = start(quota_bytes=6_000)
    answers = [client.post("/datasets", json=TABLE) for _ in range(8)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == sorted(statuses)
    assert set(statuses) == {201, 507}
    assert answers[-1].json()["code"] == "quota_exceeded"
    usage = client.get("/usage").json()
    assert usage["datasets"]["count"] == statuses.count(201)
    assert 0 < usage["datasets"]["bytes"] <= usage["limits"]["bytes"] == 6_000
