"""Saved models taken apart and put together again, perhaps changed."""

import json
import struct
from typing import Any


def taken_apart(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """safetensors' header, ours, and the bytes of the tensors."""
    length = int.from_bytes(data[:8], "little")
    outer = json.loads(data[8 : 8 + length])
    return outer, json.loads(outer["__metadata__"]["kan"]), data[8 + length :]


def put_together(outer: dict[str, Any], header: Any, body: bytes) -> bytes:
    """The inverse, of headers that may have changed."""
    outer = outer | {"__metadata__": {"kan": header if isinstance(header, str) else json.dumps(header)}}
    text = json.dumps(outer).encode()
    return struct.pack("<Q", len(text)) + text + body
