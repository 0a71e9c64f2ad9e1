"""A client as it should be: it asks again when it gets no answer, under the same key."""

import time
from typing import Any

import httpx

AGAIN_S = 0.3
PATIENCE_S = 300.0
STEPS = {"steps": "10", "step_s": "0.1"}


class Client:
    """Submits and waits; one for each thread."""

    def __init__(self, url: str) -> None:
        self._url = url

    def submit(self, dataset_id: str, *, number: int) -> str:
        """A job, accepted for certain; how often that had to be asked for does not matter."""
        body = {"dataset_id": dataset_id, "target": "y", "tags": {**STEPS, "number": str(number)}}
        ends_at = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends_at:
            answer = self._ask("POST", "/jobs", json=body, headers={"Idempotency-Key": f"job {number}"})
            if answer is not None:
                return str(answer["id"])
            time.sleep(AGAIN_S)
        raise TimeoutError(f"no answer to the submission of job {number} within {PATIENCE_S} s")

    def wait(self, job_id: str, *, within_s: float) -> None:
        """Until the job has ended, or time is up."""
        ends_at = time.monotonic() + within_s
        while time.monotonic() < ends_at:
            answer = self._ask("GET", f"/jobs/{job_id}")
            if answer is not None and answer["finished_at"] is not None:
                return
            time.sleep(AGAIN_S)

    def _ask(self, method: str, path: str, **request: Any) -> dict[str, Any] | None:
        """The answer; None if there was none, or one that says to come again."""
        try:
            response = httpx.request(method, self._url + path, timeout=10, **request)
        except httpx.TransportError:
            return None
        if response.status_code in (429, 503):
            return None
        return dict(response.raise_for_status().json())
