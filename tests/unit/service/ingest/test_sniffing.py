"""What a file is, is decided by its content."""

import gzip
import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from service.errors import Invalid, ServiceError, TooLarge
from service.ingest import read_upload
from service.settings import Settings

CSV = b"x,y\n1,2\n3,4\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, max_body_bytes=100_000)


def refusal(content: bytes, settings: Settings, filename: str = "data.csv") -> ServiceError:
    with pytest.raises(ServiceError) as refused:
        read_upload(io.BytesIO(content), filename, settings)
    return refused.value


def test_a_gzipped_file_is_unpacked(settings: Settings) -> None:
    table = read_upload(io.BytesIO(gzip.compress(CSV)), "data.csv.gz", settings)
    assert table.frame.rows() == [(1, 2), (3, 4)]


def test_a_file_without_a_name_is_read(settings: Settings) -> None:
    assert read_upload(io.BytesIO(CSV), None, settings).frame.shape == (2, 2)


def test_a_gzip_bomb_is_stopped_at_the_limit(settings: Settings) -> None:
    refused = refusal(gzip.compress(bytes(10_000_000)), settings)
    assert isinstance(refused, TooLarge)
    assert refused.extra["limit"] == 100_000


@pytest.mark.parametrize(
    "content",
    [gzip.compress(CSV)[:-6], gzip.compress(CSV)[:10] + b"junk" * 10],
    ids=["cut off", "overwritten"],
)
def test_a_damaged_gzip_file_is_refused(content: bytes, settings: Settings) -> None:
    assert refusal(content, settings).code == "damaged_gzip"


def _zip() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.csv", CSV)
    return packed.getvalue()


def _npy() -> bytes:
    array = io.BytesIO()
    np.save(array, np.zeros(3))
    return array.getvalue()


BINARIES = {
    "zip": _zip(),
    "numpy": _npy(),
    **{f"pickle {protocol}": pickle.dumps([1, 2], protocol) for protocol in range(2, 6)},
    "gzip in gzip": gzip.compress(gzip.compress(CSV)),
    "png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "all bytes": bytes(range(256)) * 20,
    "zeros": b"x,y\n" + bytes(1000),
    "small integers": np.arange(1, 400, dtype="<i2").tobytes(),
}


@pytest.mark.parametrize("content", BINARIES.values(), ids=BINARIES.keys())
def test_a_binary_file_named_csv_is_refused(content: bytes, settings: Settings) -> None:
    refused = refusal(content, settings)
    assert isinstance(refused, Invalid)
    assert refused.code == "not_a_table"
    assert "upload CSV, TSV, JSON Lines or Parquet" in refused.detail


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf16_without_a_byte_order_mark_is_read_with_a_warning(encoding: str, settings: Settings) -> None:
    content = "größe,y\n1,ä\n3,b\n".encode(encoding)
    table = read_upload(io.BytesIO(content), "data.csv", settings)
    assert table.frame.columns == ["größe", "y"]
    assert table.frame.rows() == [(1, "ä"), (3, "b")]
    assert table.warnings[0].code == "encoding"
    assert encoding in table.warnings[0].detail


def test_broken_utf16_is_refused(settings: Settings) -> None:
    assert refusal(b"\xff\xfex\x00\x00\xd8\x00", settings).code == "not_text"


def test_a_json_array_is_refused_with_what_to_send_instead(settings: Settings) -> None:
    refused = refusal(b'[{"x": 1}]', settings, "data.json")
    assert refused.code == "json_array"
    assert '{"rows": […]}' in refused.detail


def test_unpacking_leaves_no_file_behind(settings: Settings, tmp_path: Path) -> None:
    read_upload(io.BytesIO(gzip.compress(CSV)), "data.csv.gz", settings)
    assert list(tmp_path.iterdir()) == []
