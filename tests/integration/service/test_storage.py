"""Blobs: stored once, read back the same, gone when nobody needs them."""

import io
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import func, select, update

from service.caller import LOCAL_CALLER
from service.db.session import Sessions
from service.db.tables import Blob, BlobChunk, Dataset
from service.storage import blobs

DATA = bytes(range(256)) * 10_000  # 2.4 MiB: three chunks


@pytest.fixture
def sessions(sessions: Sessions) -> Sessions:
    """On behalf of a tenant: what is added here needs an owner."""
    return sessions.restrict_to(LOCAL_CALLER)


def dataset_of(sha256: str) -> Dataset:
    return Dataset(
        name="d", rows=1, columns=[], units={}, warnings=[], blob_sha256=sha256, created_at=datetime.now(UTC)
    )


def test_bytes_come_back_as_they_were_put(sessions: Sessions) -> None:
    with sessions.begin() as session:
        sha256 = blobs.put_bytes(session, DATA)
    with sessions.read() as session:
        assert blobs.read_bytes(session, sha256) == DATA


def test_an_empty_blob_comes_back_empty(sessions: Sessions) -> None:
    with sessions.begin() as session:
        assert blobs.read_bytes(session, blobs.put_bytes(session, b"")) == b""


def test_no_chunk_is_over_a_mebibyte(sessions: Sessions) -> None:
    with sessions.begin() as session:
        blobs.put_file(session, io.BytesIO(DATA))
        sizes = session.scalars(select(func.length(BlobChunk.data)).order_by(BlobChunk.number)).all()
    assert list(sizes) == [2**20, 2**20, len(DATA) - 2 * 2**20]


def test_equal_bytes_are_stored_once(sessions: Sessions) -> None:
    with sessions.begin() as session:
        first = blobs.put_bytes(session, DATA)
        second = blobs.put_bytes(session, DATA)
        assert first == second
        assert session.scalar(select(func.count()).select_from(BlobChunk)) == 3


def test_a_damaged_blob_is_never_returned(sessions: Sessions) -> None:
    with sessions.begin() as session:
        sha256 = blobs.put_bytes(session, b"as stored")
        session.execute(update(BlobChunk).values(data=b"as changed"))
        with pytest.raises(blobs.DamagedBlob, match=sha256):
            blobs.read_bytes(session, sha256)


def test_a_missing_blob_is_reported(sessions: Sessions) -> None:
    with sessions.read() as session, pytest.raises(blobs.DamagedBlob):
        blobs.read_bytes(session, "0" * 64)


def test_release_deletes_a_blob_with_its_chunks(sessions: Sessions) -> None:
    with sessions.begin() as session:
        blobs.release_blob(session, blobs.put_bytes(session, DATA))
        assert session.scalar(select(func.count()).select_from(Blob)) == 0
        assert session.scalar(select(func.count()).select_from(BlobChunk)) == 0


def test_release_keeps_a_blob_that_another_row_needs(sessions: Sessions) -> None:
    with sessions.begin() as session:
        sha256 = blobs.put_bytes(session, DATA)
        session.add(dataset_of(sha256))
        blobs.release_blob(session, sha256)
        assert blobs.read_bytes(session, sha256) == DATA


def test_a_blob_put_again_survives_its_release_elsewhere(sessions: Sessions) -> None:
    with sessions.begin() as session:
        sha256 = blobs.put_bytes(session, DATA)

    def release() -> None:
        with sessions.begin() as session:
            blobs.release_blob(session, sha256)

    with sessions.begin() as session:
        blobs.put_bytes(session, DATA)
        releasing = threading.Thread(target=release)
        releasing.start()
        releasing.join(0.3)  # it waits for this transaction
        session.add(dataset_of(sha256))
    releasing.join()
    with sessions.read() as session:
        assert blobs.read_bytes(session, sha256) == DATA
