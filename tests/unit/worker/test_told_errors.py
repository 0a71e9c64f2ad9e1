"""What the command line reads off the words of the worker."""

from types import SimpleNamespace
from typing import Any

import pytest

from service.cli.live import error_in
from worker.trials import Trials


@pytest.mark.parametrize("loss", [0.0123, 4.5e-13, 1234567.0, 0.0])
def test_the_error_of_a_step_can_be_read_off_its_message(loss: float) -> None:
    messages: list[str] = []
    run = SimpleNamespace(report=lambda stage, share, message, error: messages.append(message))
    watching: Any = SimpleNamespace(_run=run, _error=lambda _: None)
    step: Any = SimpleNamespace(number=3, validation_loss=loss)
    Trials.watch(watching, "KAN [2, 5, 1]", (0.1, 0.2))(step)
    assert error_in(messages[0]) == pytest.approx(loss, rel=0.01)
