"""Answers that are files."""

from collections.abc import Iterable, Mapping
from urllib.parse import quote

from fastapi.responses import StreamingResponse


def download(
    chunks: Iterable[bytes],
    *,
    name: str,
    size: int,
    sha256: str,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> StreamingResponse:
    """A file, with a name to save it under.

    Args:
        chunks: Its bytes, got as they are sent.
        name: Any text; what a header cannot hold is quoted.
        size: How many bytes they are: an answer that breaks off is known by it.
        sha256: Their hash.
        media_type: What they are.
        headers: What else is to be told.
    """
    quoted = quote(name, safe="")
    called = f'filename="{name}"' if quoted == name else f"filename*=UTF-8''{quoted}"
    own = {
        "Content-Disposition": f"attachment; {called}",
        "Content-Length": str(size),
        "ETag": f'"sha256-{sha256}"',
    }
    return StreamingResponse(chunks, media_type=media_type, headers={**own, **(headers or {})})
