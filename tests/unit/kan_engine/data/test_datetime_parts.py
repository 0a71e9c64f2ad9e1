"""Times as the parts that vary."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest

from kan_engine.data.datetime_parts import (
    PART_NAMES,
    encode_part,
    extract_part,
    find_varying_parts,
    read_times,
)
from kan_engine.data.encoding import Encoding
from kan_engine.data.feature import Feature
from kan_engine.data.thresholds import DEFAULT_DATA
from kan_engine.errors import InvalidConfig, InvalidData, NotExportable
from kan_engine.export.onnx.export import to_onnx
from kan_engine.export.probe_rows import probe_columns
from kan_engine.export.python.export import run_python, to_python
from tests.support.factories import make_predictor

START = datetime(2024, 1, 1)


def seconds(*steps: timedelta) -> np.ndarray:
    return np.array([(START + step - datetime(1970, 1, 1)).total_seconds() for step in steps])


def texts(*steps: timedelta) -> np.ndarray:
    return np.array([(START + step).isoformat() for step in steps], dtype=object)


YEARS = [timedelta(hours=37 * number) for number in range(500)]
MONTH = [timedelta(days=number) for number in range(28)]


@pytest.mark.parametrize(
    "time", [datetime(1904, 2, 29, 23, 59, 30), datetime(2026, 11, 27, 6), datetime(1970, 1, 1)]
)
def test_parts_are_those_of_the_calendar(time: datetime) -> None:
    second = np.array([(time - datetime(1970, 1, 1)).total_seconds()])
    found = [float(extract_part(second, part)[0]) for part in PART_NAMES]
    hour = time.hour + time.minute / 60 + time.second / 3600
    assert found == pytest.approx([time.year, time.month, time.day, time.weekday(), hour], abs=1e-9)


def test_only_what_varies_is_a_part_and_whole_cycles_are_waves() -> None:
    waves = [(part, wave) for part in ("month", "weekday", "hour") for wave in ("sin", "cos")]
    assert find_varying_parts(seconds(*YEARS), min_cycle_coverage=DEFAULT_DATA.min_cycle_coverage) == (
        ("year", ""),
        *waves,
    )
    assert find_varying_parts(seconds(*MONTH), min_cycle_coverage=DEFAULT_DATA.min_cycle_coverage) == (
        ("day", ""),
        *waves[2:4],
    )
    assert find_varying_parts(
        seconds(*(timedelta(hours=number) for number in range(6))),
        min_cycle_coverage=DEFAULT_DATA.min_cycle_coverage,
    ) == (("hour", ""),)
    assert (
        find_varying_parts(
            seconds(timedelta(), timedelta()), min_cycle_coverage=DEFAULT_DATA.min_cycle_coverage
        )
        == ()
    )


def test_half_a_cycle_is_zero_and_no_rounding_error() -> None:
    july = seconds(timedelta(days=182))  # 1 July 2024
    assert encode_part(july, ("month", "sin")).tolist() == [0.0]
    assert encode_part(july, ("month", "cos")).tolist() == [-1.0]


def test_december_is_next_to_january() -> None:
    feature = Feature.fit("t", texts(*YEARS), "datetime")
    encoding = Encoding((feature,))
    names = [column.name for column in encoding.names]
    assert names[1] == "sin of month of t"
    december, january, july = encoding.transform(
        {"t": np.array(["2025-12-01", "2025-01-01", "2025-07-01"], dtype=object)}
    )[:, 1:3]
    assert np.linalg.norm(december - january) < np.linalg.norm(july - january)


def test_times_are_read_in_iso_and_in_the_form_of_their_table() -> None:
    values = np.array(
        ["31.12.2026 18.00", "2026-12-31T18:00:00", "2026-12-31T19:00:00+01:00", None], dtype=object
    )
    found = read_times("t", values, "%d.%m.%Y %H.%M")
    assert len(set(found[:3])) == 1
    assert np.isnan(found[3])
    with pytest.raises(InvalidData, match="row 1"):
        read_times("t", np.array(["2026-12-31", "12/31/2026"], dtype=object), "%d.%m.%Y")


def test_a_missing_time_is_that_of_the_median_and_said() -> None:
    values = texts(*MONTH)
    values[3] = None
    encoding = Encoding.fit({"t": values}, {"t": "datetime"})
    encoded = encoding.transform({"t": values})
    assert encoding.names[-1].name == "t is missing"
    assert encoded[3, -1] == 1
    assert encoded[3, 0] == pytest.approx(15, abs=1)


def test_an_encoding_comes_back_from_json_and_others_are_as_before() -> None:
    encoding = Encoding.fit({"t": texts(*YEARS), "x": np.arange(500.0)}, {"t": "datetime", "x": "number"})
    assert Encoding.from_dict(encoding.to_dict()) == encoding
    assert "parts" not in encoding.to_dict()["features"][1]


@pytest.mark.parametrize("fault", [{"parts": ()}, {"parts": (("week", ""),)}, {"max": 1e300}])
def test_a_feature_that_no_times_give_is_refused(fault: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig):
        replace(Feature.fit("t", texts(*YEARS), "datetime"), **fault)


def test_times_beyond_those_seen_are_outside() -> None:
    encoding = Encoding.fit({"t": texts(*MONTH)}, {"t": "datetime"})
    assert encoding.find_unseen_values({"t": np.array(["2024-01-05", "2030-01-01"], dtype=object)}) == [
        (1, "t")
    ]


def test_the_python_export_reads_times_as_the_model_does_and_onnx_refuses_them() -> None:
    table = {"t": texts(*YEARS[:200]).tolist(), "x": np.arange(200.0).tolist()}
    predictor = make_predictor(table, types={"t": "datetime"})
    columns = probe_columns(predictor.encoding)
    told = run_python(to_python(predictor), columns)
    np.testing.assert_allclose(told.numbers[:, 0], predictor.predict(columns), atol=1e-9)
    with pytest.raises(NotExportable, match="cannot parse the times"):
        to_onnx(predictor)
