"""What a process of its own reads is what would have been read here."""

import gzip
import io
import tempfile
from pathlib import Path

import polars as pl
import pytest

from service.errors import Invalid, ServiceError, TooLarge
from service.ingest import convert_upload, subprocess_reader
from service.ingest.limits import DEFAULT_INGEST
from service.ingest.readers import read_upload
from service.settings import MiB, Settings
from tests.support.peak import forget_peak, own_peak

TABLE = b"x,t,w\n1,2024-01-02,a\n2.5,2024-01-03,\n-inf,2024-01-04,c\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, max_rows=20_000, max_body_bytes=MiB)


def converted(content: bytes, settings: Settings) -> tuple[pl.DataFrame, subprocess_reader.TableDescription]:
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as parquet:
        file.write(content)
        described = convert_upload(file, "a.csv", parquet, settings, limits=DEFAULT_INGEST)
        parquet.seek(0)
        return pl.read_parquet(parquet), described


def test_a_table_and_its_description_are_the_same(settings: Settings) -> None:
    here = read_upload(io.BytesIO(TABLE), "a.csv", settings)
    frame, described = converted(gzip.compress(TABLE), settings)
    assert frame.equals(here.frame)
    assert described == subprocess_reader.TableDescription(3, here.columns, here.warnings)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"x,y\n1,2\n3\n", Invalid),
        (b"x\n" + b"1\n" * 20_001, Invalid),
        (b"x\n" + b"1\n" * MiB, TooLarge),
    ],
)
def test_a_refusal_is_the_same(content: bytes, kind: type[ServiceError], settings: Settings) -> None:
    packed = gzip.compress(content)
    with pytest.raises(kind) as here:
        read_upload(io.BytesIO(packed), "a.csv", settings)
    with pytest.raises(kind) as there:
        converted(packed, settings)
    assert vars(there.value) == vars(here.value)


def test_a_large_text_takes_no_memory_of_this_process(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    content = b"x,y\n" + b"0.123456789,9.87654321\n" * 190_000
    forget_peak()
    before = own_peak()
    with tempfile.TemporaryFile() as file, tempfile.TemporaryFile() as parquet:
        file.write(content)
        assert convert_upload(file, "a.csv", parquet, settings, limits=DEFAULT_INGEST).rows == 190_000
    assert own_peak() - before < MiB


@pytest.mark.parametrize(
    ("content", "is_harmless"), [(TABLE, True), (TABLE * 10_000, False), (b"PAR1", False)]
)
def test_only_what_is_small_and_plain_is_read_here(content: bytes, is_harmless: bool) -> None:
    assert subprocess_reader.is_safe_in_process(io.BytesIO(content)) is is_harmless
