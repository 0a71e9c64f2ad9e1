"""``kan-service fit-group`` with a service that is only played."""

from pathlib import Path
from typing import Any

from tests.unit.service.cli.played import Played


def test_the_rows_of_a_new_group_become_a_job_for_the_model(
    typed: Any, played: Played, tmp_path: Path
) -> None:
    (tmp_path / "new.csv").write_text("t,y\n")
    ended = typed("fit-group", "decays", "new.csv", "--group", "D")
    assert ended.exit_code == 0
    assert "model:     my law, version 2" in ended.stdout
    asked = {"kind": "symbolic", "model_id": "decays", "fit_group": {"name": "D", "dataset_id": "d1"}}
    assert played.asked == [("upload", "new.csv"), ("submit", None, asked)]
    assert played.drawn == []
