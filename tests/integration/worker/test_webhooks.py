"""The outbox: what is written when a job ends, and what is sent, when, and how it is signed."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import pairwise
from typing import Any

import httpcore
import pytest
from sqlalchemy import update
from standardwebhooks.webhooks import Webhook

from service.caller import DEFAULT_TENANT, LOCAL_CALLER, Caller
from service.db.repositories import Jobs, WebhookDeliveries, WebhookSecrets
from service.db.session import Sessions, clock
from service.db.tables import SUBTASK_KIND, Job, WebhookDelivery
from service.settings import Settings
from service.storage.deletion import remove_job
from tests.support.factories import finish_job, make_job, start_job
from tests.support.servers import Receiver
from worker.webhooks import network
from worker.webhooks.delivery import Message, send
from worker.webhooks.dispatcher import WebhookDispatcher
from worker.webhooks.limits import DEFAULT_WEBHOOKS, WebhookLimits

ALL = ["succeeded", "failed", "cancelled"]
PUBLIC = "93.184.215.14"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


class Outbox:
    """A worker's dispatcher over a database, and jobs that end."""

    def __init__(self, sessions: Sessions, settings: Settings, receiver: Receiver) -> None:
        self.sessions, self.receiver = sessions, receiver
        self.settings = settings.model_copy(update={"webhook_hosts": receiver.host})
        self.limits = WebhookLimits(total_timeout_s=5.0)
        self.secret = self.rotate(DEFAULT_TENANT)

    def rotate(self, tenant: str, overlap: timedelta = timedelta()) -> str:
        with self.sessions.begin() as session:
            return WebhookSecrets(session).rotate(tenant, overlap=overlap).secret

    def add_job(self, events: list[str] = ALL, **fields: Any) -> str:
        return make_job(self.sessions, webhook={"url": self.receiver.url, "events": events}, **fields).id

    def finish(self, **fields: Any) -> str:
        job_id = self.add_job(**fields)
        finish_job(self.sessions, job_id, start_job(self.sessions, job_id))
        return job_id

    def send(self) -> None:
        """One round, to the end of its attempts."""
        dispatcher = WebhookDispatcher(self.sessions, self.settings, self.limits)
        dispatcher.dispatch()
        dispatcher._threads.shutdown()

    def rows(self, **which: Any) -> list[WebhookDelivery]:
        """The deliveries, oldest first."""
        with self.sessions.read() as session:
            return list(WebhookDeliveries(session).page(limit=100, **which))[::-1]

    def move(self, **times: timedelta) -> None:
        """Change times of all deliveries."""
        with self.sessions.begin() as session:
            for row in session.query(WebhookDelivery):
                for name, by in times.items():
                    setattr(row, name, getattr(row, name) + by)


@pytest.fixture
def outbox(sessions: Sessions, settings: Settings, receiver: Receiver) -> Outbox:
    return Outbox(sessions, settings, receiver)


def cancel(outbox: Outbox) -> None:
    with outbox.sessions.begin() as session:
        Jobs(session).cancel(outbox.add_job())


def fail(outbox: Outbox) -> None:
    job_id = outbox.add_job()
    token = start_job(outbox.sessions, job_id)
    with outbox.sessions.begin() as session:
        Jobs(session).fail(job_id, token, code="time_limit", detail="too slow")


def lose(outbox: Outbox) -> None:
    """The worker of the last attempt is lost."""
    job_id = outbox.add_job()
    start_job(outbox.sessions, job_id)
    with outbox.sessions.begin() as session:
        session.execute(update(Job).values(lease_until=clock(session) - timedelta(seconds=1)))
        Jobs(session).reap(max_attempts=1)


def cancel_study(outbox: Outbox) -> None:
    """A study that waits for its trainings ends with the last of them."""
    study_id = outbox.add_job(kind="study")
    make_job(outbox.sessions, parent_id=study_id, is_awaited=True)
    token = start_job(outbox.sessions, study_id)
    with outbox.sessions.begin() as session:
        Jobs(session).wait(study_id, token, message="1 training")
        Jobs(session).cancel(study_id)


@pytest.mark.parametrize(
    ("end", "kind"),
    [
        (Outbox.finish, "job.succeeded"),
        (fail, "job.failed"),
        (cancel, "job.cancelled"),
        (lose, "job.failed"),
        (cancel_study, "job.cancelled"),
    ],
)
def test_every_end_of_a_job_writes_one_message(
    outbox: Outbox, end: Callable[[Outbox], object], kind: str
) -> None:
    end(outbox)
    (row,) = outbox.rows()
    assert (row.status, row.attempts, row.number) == ("pending", 0, 1)
    message = json.loads(row.body)
    assert (message["type"], message["sequence"]) == (kind, 1)
    assert message["data"]["id"] == row.job_id
    assert message["timestamp"] == message["data"]["finished_at"]


def test_a_rolled_back_end_writes_no_message(outbox: Outbox) -> None:
    job_id = outbox.add_job()
    token = start_job(outbox.sessions, job_id)
    with outbox.sessions.begin() as session:
        Jobs(session).succeed(job_id, token, model_id="m")
        session.rollback()
    assert outbox.rows() == []


def test_ends_that_nobody_asked_for_and_subtasks_write_no_message(outbox: Outbox) -> None:
    outbox.finish(events=["failed", "cancelled"])
    job_id = make_job(outbox.sessions, parent_id="p", kind=SUBTASK_KIND).id
    finish_job(outbox.sessions, job_id, start_job(outbox.sessions, job_id))
    assert outbox.rows() == []


def test_messages_are_numbered_by_tenant_in_the_order_of_the_ends(outbox: Outbox) -> None:
    outbox.rotate("another")
    jobs = [outbox.finish(), outbox.finish(tenant="another"), outbox.finish()]
    numbers = {row.job_id: row.number for row in outbox.rows()}
    assert [numbers[job_id] for job_id in jobs] == [1, 1, 2]


def test_jobs_that_end_at_once_have_numbers_without_gaps(outbox: Outbox) -> None:
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda _: outbox.finish(), range(12)))
    assert sorted(row.number for row in outbox.rows()) == list(range(1, 13))


def test_a_message_is_signed_and_sent_once(outbox: Outbox) -> None:
    outbox.finish()
    outbox.send()
    outbox.send()
    (request,), (row,) = outbox.receiver.requests, outbox.rows()
    assert (row.status, row.status_code, row.attempts, row.error) == ("delivered", 204, 1, None)
    assert request.path == "/hook"
    assert request.headers["webhook-id"] == row.id
    assert request.headers["content-type"] == "application/json"
    assert request.headers["host"] == outbox.receiver.host
    assert Webhook(outbox.secret).verify(request.body, request.headers) == json.loads(row.body)


@pytest.mark.parametrize(("overlap", "valid"), [(timedelta(hours=1), 2), (timedelta(), 1)])
def test_both_secrets_sign_until_the_overlap_ends(outbox: Outbox, overlap: timedelta, valid: int) -> None:
    new = outbox.rotate(DEFAULT_TENANT, overlap)
    outbox.finish()
    outbox.send()
    (request,) = outbox.receiver.requests
    assert len(request.headers["webhook-signature"].split()) == valid
    for secret in (new, outbox.secret)[:valid]:
        Webhook(secret).verify(request.body, request.headers)


@pytest.mark.parametrize("status", [301, 307, 400, 404, 500, 503])
def test_a_refused_message_is_sent_again_later_under_its_id(outbox: Outbox, status: int) -> None:
    outbox.receiver.statuses = [status]
    outbox.finish()
    outbox.send()
    outbox.send()  # nothing is due yet
    (row,) = outbox.rows()
    assert (row.status, row.status_code, row.attempts) == ("pending", status, 1)
    assert str(status) in (row.error or "")
    outbox.move(due_at=timedelta(hours=-1))
    outbox.send()
    (row,) = outbox.rows()
    assert (row.status, outbox.receiver.ids()) == ("delivered", [row.id] * 2)


def test_pauses_double_and_end_after_a_day(outbox: Outbox) -> None:
    outbox.receiver.statuses = [500] * 100
    outbox.finish()
    pauses = []
    while True:
        outbox.send()
        (row,) = outbox.rows()
        if row.status == "failed":
            break
        with outbox.sessions.begin() as session:
            pause = row.due_at - clock(session)
        pauses.append(pause.total_seconds())
        outbox.move(due_at=-pause, opened_at=-pause)
    assert pauses[0] == pytest.approx(5, abs=3)
    ratios = [after / before for before, after in pairwise(pauses[1:])]
    assert all(1.5 < ratio < 2.5 for ratio in ratios)
    assert 12 * 3600 < sum(pauses) <= 24 * 3600
    assert len(outbox.receiver.requests) == len(pauses) + 1


def test_a_receiver_that_is_gone_gets_no_more_attempts(outbox: Outbox) -> None:
    outbox.receiver.statuses = [410]
    outbox.finish()
    outbox.send()
    assert [row.status for row in outbox.rows()] == ["failed"]


def test_a_claimed_message_is_sent_by_no_other_worker_until_the_lease_ends(outbox: Outbox) -> None:
    outbox.finish()

    def claim() -> list[WebhookDelivery]:
        with outbox.sessions.begin() as session:
            return list(WebhookDeliveries(session).claim(limit=10, lease_s=60))

    (first,) = claim()
    assert claim() == []
    outbox.move(due_at=timedelta(minutes=-2))
    (second,) = claim()
    assert second.id == first.id
    with outbox.sessions.begin() as session:  # the first worker comes back
        assert WebhookDeliveries(session).succeed(first, status_code=200) is None


def test_one_tenant_cannot_keep_the_messages_of_others_waiting(outbox: Outbox) -> None:
    outbox.rotate("another")
    for _ in range(3):
        outbox.finish()
    outbox.finish(tenant="another")
    with outbox.sessions.begin() as session:
        claimed = WebhookDeliveries(session).claim(limit=2, lease_s=60)
    assert {row.tenant for row in claimed} == {DEFAULT_TENANT, "another"}


def test_a_redelivered_message_has_its_id_and_a_new_day(outbox: Outbox) -> None:
    outbox.receiver.statuses = [410]
    outbox.finish()
    outbox.send()
    outbox.move(opened_at=timedelta(days=-2))
    with outbox.sessions.begin() as session:
        WebhookDeliveries(session).redeliver(outbox.rows()[0].id)
    outbox.send()
    (row,) = outbox.rows()
    assert (row.status, row.attempts) == ("delivered", 2)
    assert outbox.receiver.ids() == [row.id] * 2


def test_old_messages_are_deleted_but_never_those_that_wait(outbox: Outbox) -> None:
    outbox.finish()
    outbox.send()
    outbox.finish()
    outbox.move(due_at=timedelta(days=-31))
    WebhookDispatcher(outbox.sessions, outbox.settings, limits=DEFAULT_WEBHOOKS).delete_old()
    assert [row.status for row in outbox.rows()] == ["pending"]


def test_a_deleted_job_takes_along_what_was_sent_but_not_what_waits(outbox: Outbox) -> None:
    sent = outbox.finish()
    outbox.send()
    waiting = outbox.finish()
    for job_id in (sent, waiting):
        with outbox.sessions.restrict_to(LOCAL_CALLER).begin() as session:
            remove_job(session, Jobs(session).get_finished(job_id))
    assert [row.job_id for row in outbox.rows()] == [waiting]
    outbox.send()
    assert len(outbox.receiver.requests) == 2


def test_a_tenant_sees_only_its_own(outbox: Outbox) -> None:
    outbox.finish()
    with outbox.sessions.restrict_to(Caller(tenant="another")).read() as session:
        assert list(WebhookDeliveries(session).page(limit=10)) == []


def message(url: str) -> Message:
    return Message("m1", url, "{}", [])


def resolve_to(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> None:
    """Let names resolve to these addresses, one list after the other."""
    left = list(answers)

    def getaddrinfo(_host: str, port: int, **_: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in left.pop(0)]

    monkeypatch.setattr(network.socket, "getaddrinfo", getaddrinfo)


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that connections are made to; none answers."""
    made: list[str] = []

    def connect(_: Any, host: str, *_others: Any) -> Any:
        made.append(host)
        raise httpcore.ConnectError

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    return made


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:10.0.0.1"],
        [PUBLIC, "192.168.0.1"],
        [],
    ],
)
def test_a_name_of_a_private_address_is_not_connected_to(
    monkeypatch: pytest.MonkeyPatch, connected: list[str], addresses: list[str]
) -> None:
    resolve_to(monkeypatch, addresses)
    answer = send(message("https://rebound.example/"), Settings(), limits=DEFAULT_WEBHOOKS)
    assert (answer.error, connected) == ("the host has no public address", [])


def test_the_address_that_was_checked_is_connected_to_though_the_name_changes(
    monkeypatch: pytest.MonkeyPatch, connected: list[str]
) -> None:
    resolve_to(monkeypatch, [PUBLIC], ["127.0.0.1"])
    assert (
        send(message("https://rebound.example/"), Settings(), limits=DEFAULT_WEBHOOKS).error
        == "the connection failed: ConnectError"
    )
    assert connected == [PUBLIC]
    assert (
        send(message("https://rebound.example/"), Settings(), limits=DEFAULT_WEBHOOKS).error
        == "the host has no public address"
    )
    assert connected == [PUBLIC]


def test_the_next_address_is_tried_if_the_first_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, connected: list[str]
) -> None:
    resolve_to(monkeypatch, ["8.8.8.8", PUBLIC])
    send(message("https://two.example/"), Settings(), limits=DEFAULT_WEBHOOKS)
    assert connected == ["8.8.8.8", PUBLIC]


def test_a_host_that_is_named_no_longer_is_refused(receiver: Receiver) -> None:
    answer = send(message(receiver.url), Settings(), limits=DEFAULT_WEBHOOKS)
    assert "must be https" in (answer.error or "")
    assert receiver.requests == []


@contextmanager
def answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The host of a receiver that treats its only connection in its own way."""

    def accept() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.recv(65536)
            answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"H"])
def test_a_receiver_that_never_ends_its_answer_does_not_hold_the_worker(part: bytes) -> None:
    """It sends a part again and again, more often than any timeout of a single read."""
    is_over = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not is_over.wait(0.05):
            connection.sendall(part)

    with answering(drip) as host:
        limits = WebhookLimits(total_timeout_s=0.4)
        answer = send(message(f"http://{host}/"), Settings(webhook_hosts=host), limits)
        is_over.set()
    assert answer.error in ("no answer within 0.4 s", "the connection failed: RemoteProtocolError")


def test_the_body_of_an_answer_is_not_read() -> None:
    sent: list[int] = []

    def flood(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        while sum(sent) < 1_000_000_000:
            sent.append(connection.send(b"x" * 1_000_000))

    with answering(flood) as host:
        answer = send(message(f"http://{host}/"), Settings(webhook_hosts=host), limits=DEFAULT_WEBHOOKS)
    assert (answer.status_code, answer.error) == (200, None)
    assert sum(sent) < 100_000_000
