"""``make demo`` from its first line to its last."""

from pathlib import Path

import pytest

from service import demo


@pytest.fixture(autouse=True)
def _in_a_fresh_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path.cwd()))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(demo, "AIRFOIL_MAX_SECONDS", 6)


@pytest.mark.thorough
def test_the_demo_finds_the_law_and_beats_the_linear_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert demo.main() == 0

    told = capsys.readouterr().out
    assert "y = exp(sin(pi*x1) + x2**2)" in told
    assert "exact:      yes" in told
    assert "The demo succeeded" in told
    for name in ("law", "airfoil"):
        picture = tmp_path / "kan-demo" / f"{name}.svg"
        assert str(picture) in told
        assert picture.read_text().startswith("<svg")


@pytest.mark.thorough
def test_the_demo_fails_when_a_job_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demo, "AIRFOIL_TARGET", "no_such_column")

    assert demo.main() == 1
    assert "no_such_column" in capsys.readouterr().err
