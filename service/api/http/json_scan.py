"""A cheap scan of JSON while it arrives, which refuses what costs much to parse and is no request."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from service.errors import TooLarge
from service.strict_json import MAX_DEPTH, NON_BRACKETS, make_depth_error

ROW_BYTES = 8  # of the shortest row that has a value: {"x":1},
OPENING = np.isin(np.arange(256), list(b"[{"))


@dataclass(frozen=True, kw_only=True)
class JsonBounds:
    """Lists and objects that a request may have: parsed, an empty one takes thirty times its three bytes.

    Attributes:
        max_lists: A table has a list per column, or an inference one per row.
        max_objects: A table has one per row.
        spare_objects: That may be shorter than ``ROW_BYTES``, as rows without values are.
    """

    max_lists: int
    max_objects: int
    spare_objects: int


class JsonScan:
    """Counts lists and objects of a JSON text outside its strings, and how deep they are nested."""

    def __init__(self, bounds: JsonBounds) -> None:
        self._bounds = bounds
        self._rest = b""
        self._is_in_string = False
        self._bytes = self._lists = self._objects = self._depth = 0

    def feed(self, chunk: bytes) -> None:
        """Scan the next bytes.

        Raises:
            Malformed: The nesting is too deep.
            TooLarge: There are too many lists or objects.
        """
        text = self._rest + chunk
        # A backslash at the end may escape the first character of the next chunk, so it waits for it
        escaping = (len(text) - len(text.rstrip(b"\\"))) % 2  # a backslash whose character is still to come
        self._rest = text[len(text) - escaping :]
        text = text[: len(text) - escaping].replace(b"\\\\", b"").replace(b'\\"', b"")
        # Without escaped quotes, quotes separate what is inside strings from what is outside
        parts = text.split(b'"')
        brackets = b"".join(parts[self._is_in_string :: 2]).translate(None, NON_BRACKETS)
        self._is_in_string ^= len(parts) % 2 == 0
        self._bytes += len(chunk)
        self._lists += brackets.count(b"[")
        self._objects += brackets.count(b"{")
        self._check_depth(brackets)
        self._check_counts()

    def _check_depth(self, brackets: bytes) -> None:
        if not brackets:
            return
        # Depth after each bracket: a running sum, which is fast over millions of them
        steps = np.where(OPENING[np.frombuffer(brackets, np.uint8)], 1, -1)
        depths = self._depth + np.cumsum(steps)
        self._depth = int(depths[-1])
        if depths.max() > MAX_DEPTH:
            raise make_depth_error()

    def _check_counts(self) -> None:
        bounds = self._bounds
        sparing = self._bytes // ROW_BYTES + bounds.spare_objects
        for what, count, limit in (
            ("lists", self._lists, bounds.max_lists),
            ("objects", self._objects, min(bounds.max_objects, sparing)),
        ):
            if count > limit:
                raise TooLarge(
                    "body_too_costly",
                    f"the body has more than {limit} {what}, more than any table of its size; send columns "
                    "of plain values, or upload a file",
                    limit=limit,
                )
