"""Hostile files: bombs, forgeries and programs are refused or are plain tables, and cost the API nothing."""

import gzip
import io
import json
import os
import pickle
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastapi.testclient import TestClient

from kan_engine import Predictor
from service.db.session import Sessions
from service.ingest import subprocess_reader
from service.main import create_app
from service.settings import MiB, Settings
from tests.support.factories import make_model, make_predictor
from tests.support.peak import forget_peak, own_peak
from tests.support.servers import LOOPBACK

JSON = {"content-type": "application/json"}


class Canary:
    """Unpickled, it would leave a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Little memory, so that little is too much."""
    return Settings(database_url=database_url, data_dir=tmp_path, max_memory_bytes=64 * MiB)


@pytest.fixture
def steady(settings: Settings) -> Iterator[TestClient]:
    """A client whose process takes no more memory for what is sent, and goes on."""
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        assert upload(client, b"x,y\n1,2\n").status_code == 201
        forget_peak()
        before = own_peak()
        yield client
        assert own_peak() - before < 64 * MiB
        assert upload(client, b"x,y\n1,2\n").status_code == 201


def upload(client: TestClient, content: bytes, name: str = "a.csv") -> Any:
    return client.post("/datasets", files={"file": (name, content)})


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return file.getvalue()


def varint(number: int) -> bytes:
    """As the footer of a Parquet file has a number: zigzag, seven bits a byte."""
    rest, digits = number << 1, []
    while rest > 127:
        digits.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*digits, rest])


def forged(rows: int) -> bytes:
    """A file of 12,345 rows that says it has others."""
    content = parquet(x=range(12_345))
    size = int.from_bytes(content[-8:-4], "little")
    body, footer = content[: -8 - size], content[-8 - size : -8]
    assert varint(12_345) in footer
    footer = footer.replace(varint(12_345), varint(rows))
    return body + footer + len(footer).to_bytes(4, "little") + b"PAR1"


def zipped(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return file.getvalue()


PARQUETS: dict[str, tuple[Callable[[], bytes], str]] = {  # made for their test alone: some take their time
    "a thousand million rows": (lambda: forged(10**9), "too_many_rows"),
    "more rows than there are": (lambda: forged(4_000_000), "unreadable_parquet"),
    "rows beyond any counter": (lambda: forged(2**62), "unreadable_parquet"),
    "a text of 64 kB in every one of 30,000 rows": (
        lambda: parquet(t=pl.repeat("a" * 2**16, 30_000, eager=True)),
        "unreadable_file",
    ),
    "a footer longer than the file": (
        lambda: b"PAR1" + b"x" * 20 + b"\xff\xff\xff\x7fPAR1",
        "unreadable_parquet",
    ),
    "an encrypted footer": (lambda: parquet(x=[1])[:-4] + b"PARE", "unreadable_parquet"),
    "lists in lists": (lambda: parquet(x=[[[1]]]), "unknown_type"),
    "many rows, packed twice": (
        lambda: gzip.compress(parquet(x=pl.repeat(0, 6_000_000, eager=True))),
        "too_many_cells",
    ),
}  # fmt: skip


@pytest.fixture
def bomb(make: Callable[[], bytes]) -> bytes:
    """Made before anyone looks at the memory of this process."""
    return make()


@pytest.mark.parametrize(("make", "code"), PARQUETS.values(), ids=PARQUETS.keys())
def test_a_parquet_bomb_hurts_nobody(bomb: bytes, code: str, steady: TestClient) -> None:
    assert len(bomb) < 100_000
    answer = upload(steady, bomb, "a.parquet")
    assert (answer.status_code, answer.json()["code"]) == (422, code)


def column(dtype: pl.DataType | type[pl.DataType], *values: Any) -> bytes:
    """A Parquet file with a column of a type, given by the numbers that the file stores."""
    return parquet(x=pl.Series(values).cast(dtype))


ENDS = (2**63 - 1, 1 - 2**63)
TYPED: dict[str, tuple[bytes, Any]] = {  # the values that are read, or the code of the refusal
    "small Int128": (column(pl.Int128, 1, -2), [1, -2]),
    "large Int128": (parquet(x=pl.Series([2**63, -(2**100)], dtype=pl.Int128)), [2.0**63, -(2.0**100)]),
    "large UInt64": (parquet(x=pl.Series([2**64 - 1], dtype=pl.UInt64)), [2.0**64]),
    "Float16": (column(pl.Float16, 1.5, 65_504.0), [1.5, 65_504.0]),
    "decimals": (parquet(x=pl.Series(["1.25", "9" * 30]).cast(pl.Decimal(38, 2))), [1.25, 1e30]),
    "nanoseconds": (column(pl.Duration("ns"), 1_500_000_000), [1.5]),
    "the longest durations": (column(pl.Duration("ms"), *ENDS), [2.0**63 / 1000, -(2.0**63) / 1000]),
    "an enumeration": (parquet(x=pl.Series(["b", None], dtype=pl.Enum(["a", "b"]))), ["b", None]),
    "nothing but nulls": (parquet(x=[None, None]), [None, None]),
    "no columns": (parquet(), "no_columns"),
    "no rows": (column(pl.Float64), "no_rows"),
    "days beyond the calendar": (column(pl.Date, 2**31 - 1, -(2**31)), "time_out_of_range"),
    "microseconds beyond it": (column(pl.Datetime("us"), *ENDS), "time_out_of_range"),
    "milliseconds beyond it": (column(pl.Datetime("ms", "Asia/Tokyo"), *ENDS), "time_out_of_range"),
    "the year 10000": (column(pl.Datetime("us"), 253_402_300_800_000_000, 0), "time_out_of_range"),
    "the year 0": (column(pl.Datetime("us"), -62_135_596_800_000_001, 0), "time_out_of_range"),
    "times of day": (parquet(x=pl.Series([0]).cast(pl.Time)), "unknown_type"),
    "bytes": (parquet(x=[b"\xff"]), "unknown_type"),
    "arrays": (parquet(x=pl.Series([[1, 2]], dtype=pl.Array(pl.Int64, 2))), "unknown_type"),
    "structures": (parquet(x=[{"a": 1}]), "unknown_type"),
}  # fmt: skip


@pytest.mark.parametrize(("content", "expected"), TYPED.values(), ids=TYPED.keys())
def test_a_column_of_any_type_is_read_right_or_refused(
    content: bytes, expected: Any, client: TestClient
) -> None:
    answer = upload(client, content, "a.parquet")
    if isinstance(expected, str):
        assert (answer.status_code, answer.json()["code"]) == (422, expected)
        return
    assert answer.status_code == 201, answer.text
    rows = client.get(f"/datasets/{answer.json()['id']}/preview").json()["rows"]
    assert [row["x"] for row in rows] == expected


def test_a_gzip_file_of_endless_repetitions_is_refused_while_it_is_unpacked(client: TestClient) -> None:
    bomb = gzip.compress(b"x,y\n" + b"1.25,2.5\n" * 8_000_000, 9)
    answer = upload(client, bomb, "a.csv.gz")
    assert (answer.status_code, answer.json()["code"]) == (413, "unpacked_too_large")
    assert answer.json()["limit"] == 64 * MiB


def test_a_table_that_is_almost_all_zeros_is_unpacked(client: TestClient) -> None:
    content = b"x,y\n" + b"".join(b"0,0\n" * 400 + b"%d,1\n" % number for number in range(200))
    assert upload(client, gzip.compress(content, 9), "a.csv.gz").status_code == 201


FOREIGN = {
    "a NumPy archive": zipped(**{"x.npy": bytes(100)}),
    "a PyTorch file": zipped(**{"model/data.pkl": pickle.dumps([1])}),
    "an Excel file": zipped(**{"xl/workbook.xml": b"<workbook/>"}),
    "a zip bomb": zipped(**{"bomb": bytes(10**7)}),
    "a NumPy array of objects": b"\x93NUMPY\x01\x00" + bytes(100),
    "bzip2": b"BZh9" + bytes(100),
    "xz": b"\xfd7zXZ\x00" + bytes(100),
    "zstd": b"\x28\xb5\x2f\xfd" + bytes(100),
    "a program": b"\x7fELF" + bytes(100),
}


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN.keys())
def test_a_file_is_what_it_holds_and_not_what_it_is_called(content: bytes, client: TestClient) -> None:
    names = ("a.csv", "a.parquet", "a.jsonl")
    assert {upload(client, content, name).json()["code"] for name in names} == {"not_a_table"}


TEXTS = {
    "a million columns": (",".join(f"c{i}" for i in range(10**6)).encode() + b"\n1\n", 422),
    "one cell without end": (b'x,y\n1,"' + b"a" * 2**20, 422),
    "quotes of quotes": (b"x,y\n" + b'"' * 100_001 + b",1\n", 422),
    "a megabyte of commas": (b"x,y\n" + b"," * 2**20, 422),
    "only line ends": (b"\r\n" * 100_000, 422),
    "only carriage returns": (b"x,y\r1,2\r3,4\r", 201),
    "mixed line ends": (b"x,y\n1,2\r\n3,4\r5,6\n", 201),
    "UTF-7": (b"x,y\n+ADw-script+AD4-,1\n", 201),
    "UTF-32": ("x,y\n1,2\n".encode("utf-32"), 201),
    "numbers beyond doubles": (b"x,y\n1e999,-1e999\n1,2\n", 201),
    "numbers in hexadecimal": (b"x,y\n0x1p3,1\n0x2p3,2\n", 201),
    "digits without end": (b"x,y\n" + b"9" * 100_000 + b",1\n", 201),
    "digits of other scripts": ("x,y\n١٢,१२\n".encode(), 201),
    "a mistake in the last row": (b"x,y\n" + b"1,2\n" * 50_000 + b"1,a\n", 201),
    "a formula of a spreadsheet": (b"x,y\n=cmd|' /C calc'!A0,1\n@SUM(1),2\n", 201),
    "SQL": (b"x'); DROP TABLE dataset;--,y\n' OR 1=1,2\n", 201),
    "a template": (b"x,y\n{{7*7}},${jndi:ldap://x}\n%s%n,{0.__class__}\n", 201),
}


@pytest.mark.parametrize(("content", "status"), TEXTS.values(), ids=TEXTS.keys())
def test_a_hostile_text_is_a_table_of_texts_or_refused(
    content: bytes, status: int, client: TestClient
) -> None:
    answer = upload(client, content)
    assert answer.status_code == status, answer.text
    if status == 201:
        assert client.get(f"/datasets/{answer.json()['id']}/preview").status_code == 200


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf_16", "UTF-32", "utf-8-sig", "shift_jis", "hz", "iso2022_jp"]
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
@pytest.mark.parametrize(
    "content", [b"x,y\n1,2\n3,4", b"\x1b$B\xff\n", b"\xd8\x00\xd8\x00,\n"], ids=["plain", "shifts", "halves"]
)
def test_a_text_that_is_not_in_the_named_encoding_is_refused_or_read(
    encoding: str, name: str, content: bytes, client: TestClient
) -> None:
    answer = client.post("/datasets", files={"file": (name, content)}, data={"encoding": encoding})
    assert answer.status_code in (201, 422), answer.text


TIMES = ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]


@pytest.mark.parametrize("time", TIMES)
def test_a_time_that_utc_does_not_have_is_refused_in_a_table(time: str, client: TestClient) -> None:
    for answer in (
        client.post("/datasets", json={"columns": {"t": [time, "2026-01-01T00:00:00Z"]}}),
        upload(client, f"t,y\n{time},1\n2026-01-01T00:00:00Z,2\n".encode()),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "time_out_of_range")


@pytest.mark.parametrize("time", TIMES)
def test_a_model_predicts_at_the_ends_of_time(time: str, sessions: Sessions, client: TestClient) -> None:
    days = [f"2026-01-{day:02}T00:00:00" for day in range(1, 29)]
    model = make_model(sessions, make_predictor({"t": days}, types={"t": "datetime"}))
    answer = client.post("/predict", json={"model": model.id, "rows": [{"t": time}]})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("protocol", [0, pickle.HIGHEST_PROTOCOL])
def test_a_pickle_is_never_loaded(
    settings: Settings, sessions: Sessions, tmp_path: Path, protocol: int
) -> None:
    canary = tmp_path / "canary"
    program = pickle.dumps(Canary(canary), protocol)
    text = program.decode("latin-1").replace("\0", "")
    predictor: Predictor = make_predictor({"c": ["a", "b", "a", "b"]})
    model = make_model(sessions, predictor)
    size = {"binary_data_size": len(program) + 4}
    tensor = {"name": "c", "shape": [1], "datatype": "BYTES", "parameters": size}
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        for name in ("a.csv", "a.jsonl", "a.parquet", "a.pkl"):
            upload(client, program, name)
        upload(client, gzip.compress(program))
        upload(client, b"PAR1" + program + b"PAR1")
        upload(client, zipped(**{"archive/data.pkl": program}), "a.pt")
        client.post("/datasets", content=program, headers=JSON)
        client.post("/datasets", json={"columns": {text: [text]}, "name": text[:100]})
        client.post("/predict", json={"model": model.id, "rows": [{"c": text}]})
        header = json.dumps({"inputs": [tensor]}).encode()
        answer = client.post(
            f"/v2/models/{model.id}/infer",
            content=header + len(program).to_bytes(4, "little") + program,
            headers={"Inference-Header-Content-Length": str(len(header))},
        )
        assert answer.status_code in (200, 422)
    assert not canary.exists()
    pickle.loads(program)
    assert canary.exists(), "the canary does not work"


def test_a_reader_that_dies_takes_nobody_with_it(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess_reader, "COMMAND", (sys.executable, "-c", "import os; os.abort()"))
    with TestClient(create_app(settings), base_url=LOOPBACK) as client:
        answer = upload(client, parquet(x=[1, 2]), "a.parquet")
    assert (answer.status_code, answer.json()["code"]) == (422, "unreadable_file")


def test_a_fault_of_the_reader_is_told_to_the_log_and_not_to_the_client(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(
        subprocess_reader, "COMMAND", (sys.executable, "-c", 'print(\'{"traceback": "a traceback"}\')')
    )
    with TestClient(create_app(settings), base_url=LOOPBACK, raise_server_exceptions=False) as client:
        answer = upload(client, parquet(x=[1, 2]), "a.parquet")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "a traceback" not in answer.text
    assert "a traceback" in caplog.text
