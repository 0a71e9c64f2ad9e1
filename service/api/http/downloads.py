"""Responses that are files."""

from collections.abc import Iterable, Mapping
from typing import Annotated
from urllib.parse import quote

from fastapi import Depends, Request
from fastapi.responses import StreamingResponse

OCTETS = "application/octet-stream"
VARY = {"Vary": "Accept"}


async def _wants_octets(request: Request) -> bool:
    return OCTETS in request.headers.get("accept", "")


AsOctets = Annotated[bool, Depends(_wants_octets)]  # whether the client asks for bytes of no particular type


def make_download_response(
    chunks: Iterable[bytes],
    *,
    name: str,
    size: int,
    sha256: str,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> StreamingResponse:
    """Return a streamed response that browsers save as a file.

    Args:
        chunks: Content, read while it is sent.
        name: File name; characters that a header cannot hold are percent-encoded (RFC 5987).
        size: Length of the content in bytes; clients detect a truncated response by it.
        sha256: Hash of the content, for the ETag.
        media_type: Media type of the content.
        headers: Further headers.
    """
    encoded_name = quote(name, safe="")
    name_parameter = f'filename="{name}"' if encoded_name == name else f"filename*=UTF-8''{encoded_name}"
    content_headers = {
        "Content-Disposition": f"attachment; {name_parameter}",
        "Content-Length": str(size),
        "ETag": f'"sha256-{sha256}"',
    }
    return StreamingResponse(chunks, media_type=media_type, headers={**content_headers, **(headers or {})})
