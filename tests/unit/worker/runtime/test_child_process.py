import os
import signal

from worker.runtime.child_process import handle_termination


def test_a_first_sigterm_asks_for_the_job_and_a_second_one_means_what_it_did_before() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with handle_termination() as termination:
        assert not termination.requested
        os.kill(os.getpid(), signal.SIGTERM)
        assert termination.requested
        assert termination.wake.is_set()
        assert signal.getsignal(signal.SIGTERM) is before
    assert signal.getsignal(signal.SIGTERM) is before
