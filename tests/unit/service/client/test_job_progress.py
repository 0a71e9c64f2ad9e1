import pytest

from service.client.job_progress import follow_job
from service.client.transport import Outcome, Request, Transport


class Sent(Exception): ...


class Recorder(Transport):
    async def exchange(self, request: Request) -> Outcome:
        raise Sent(request)


@pytest.mark.parametrize("timeout_s", [None, 1.0, 100.0])
def test_an_impatient_client_still_gets_answers_that_wait_for_news(timeout_s: float | None) -> None:
    with pytest.raises(Sent) as caught:
        follow_job(Recorder(), "a job", timeout_s, lambda _: None).send(None)
    request = caught.value.args[0]
    patience = request.options(timeout=0.01, connect_timeout_s=1.0)["timeout"]
    assert patience.read > max(request.params.get("wait", 0), 15)  # a quiet stream pings that often
