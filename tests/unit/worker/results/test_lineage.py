"""Where a model comes from, and its name by default."""

import pytest

from worker.results.lineage import make_default_name


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("y", "y-abcdef"),
        ("period (s)", "period-s-abcdef"),
        ("скорость, м/с", "скорость-м-с-abcdef"),
        ("x" * 200, f"{'x' * 100}-abcdef"),
    ],
)
def test_a_model_is_named_after_its_target_and_its_job(target: str, name: str) -> None:
    assert make_default_name(target, "0123456789abcdef") == name
