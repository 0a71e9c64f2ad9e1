"""Datasets and artifacts as bytes in the database, named by their SHA-256 and cut into small chunks.

Equal bytes are stored once. A blob exists as long as a row refers to it; code that removes such a row
calls `release_blob`. All functions run in the caller's transaction, so a blob and the row that refers
to it appear together or not at all.
"""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from typing import BinaryIO

from sqlalchemy import delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from service.db.session import clock
from service.db.tables import Blob, BlobChunk

CHUNK_BYTES = 2**20


class DamagedBlob(RuntimeError):
    """A blob is missing, or its bytes do not match its SHA-256."""


def put_bytes(session: Session, data: bytes) -> str:
    """Store bytes; returns their SHA-256."""
    return put_file(session, BytesIO(data))


def put_file(session: Session, file: BinaryIO) -> str:
    """Store a whole file; returns its SHA-256. The file is read twice, in chunks."""
    file.seek(0)
    sha256, size = _hash_file(file)
    if _insert_blob(session, sha256, size):
        file.seek(0)
        for number, data in enumerate(_iterate_chunks(file)):
            session.execute(insert(BlobChunk).values(sha256=sha256, number=number, data=data))
    return sha256


def read_bytes(session: Session, sha256: str) -> bytes:
    """The bytes of a blob.

    Raises:
        DamagedBlob: The blob is missing or damaged.
    """
    return b"".join(read_chunks(session, sha256))


def read_chunks(session: Session, sha256: str) -> Iterator[bytes]:
    """The bytes of a blob in chunks of at most 1 MiB.

    Raises:
        DamagedBlob: After the last chunk, if the blob is missing or damaged.
    """
    digest, number = hashlib.sha256(), 0
    while (data := read_chunk(session, sha256, number)) is not None:
        digest.update(data)
        yield data
        number += 1
    if digest.hexdigest() != sha256:
        raise DamagedBlob(f"blob {sha256} is missing or damaged: {number} chunks give {digest.hexdigest()}")


def read_chunk(session: Session, sha256: str, number: int) -> bytes | None:
    """One chunk, or ``None`` after the last; for slow readers, who must not keep a transaction open."""
    return session.scalar(
        select(BlobChunk.data).where(BlobChunk.sha256 == sha256, BlobChunk.number == number)
    )


def lock_blobs(session: Session, *names: str) -> None:
    """Lock blobs: others who store or release them wait for the end of the transaction."""
    for sha256 in sorted(names):  # in a fixed order, which prevents deadlocks
        session.execute(select(Blob.sha256).where(Blob.sha256 == sha256).with_for_update())


def release_blob(session: Session, sha256: str) -> None:
    """Delete a blob unless a row still refers to it, as its foreign keys tell."""
    session.flush()
    try:
        with session.begin_nested():
            session.execute(delete(Blob).where(Blob.sha256 == sha256))
    except IntegrityError:
        return


def _hash_file(file: BinaryIO) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    for data in _iterate_chunks(file):
        digest.update(data)
        size += len(data)
    return digest.hexdigest(), size


def _iterate_chunks(file: BinaryIO) -> Iterator[bytes]:
    while data := file.read(CHUNK_BYTES):
        yield data


def _insert_blob(session: Session, sha256: str, size: int) -> bool:
    """Insert the row of a blob; true if it is new and this transaction must store the chunks.

    An existing blob is locked, so that no one deletes it before the caller's row refers to it.
    A blob that vanishes between the two statements is inserted again.
    """
    row = {"sha256": sha256, "size": size, "created_at": clock(session)}
    insert_if_absent = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    new = insert_if_absent(Blob).values(row).on_conflict_do_nothing().returning(Blob.sha256)
    there = select(Blob.sha256).where(Blob.sha256 == sha256).with_for_update(read=True, key_share=True)
    while True:
        if session.scalar(new) is not None:
            return True
        if session.scalar(there) is not None:
            return False
