"""Find the encoding of a text file: by its byte order mark, its NULs, or a guess from its words."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from service.errors import Invalid
from service.ingest.limits import IngestLimits
from service.ingest.table_warnings import TableWarning, Warnings

BYTE_ORDER_MARKS = {  # UTF-32 first: its mark begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
LATIN = ("cp1252", "cp1250", "iso8859-2", "cp1254", "mac-roman", "cp850", "cp852")
OTHER_SCRIPTS = (
    *("cp1251", "koi8-r", "koi8-u", "cp866", "mac-cyrillic", "iso8859-5"),
    *("cp1253", "iso8859-7", "gb18030", "big5", "cp932", "euc-jp", "cp949"),
)
WORDS = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z@\[\]\\^_`{}|~\x80-\xff]*")
"""With letters beyond ASCII. In East Asia their second byte may be one of the ASCII characters."""
RUNS = re.compile(rb"[\x80-\xff]+")
MIXED = re.compile(rb"[A-Za-z][\x80-\xff]|[\x80-\xff][A-Za-z]")
SIGNS = re.compile(rb"[\x00-\x7f\x80\x85\x91-\x97\xa7\xb0-\xb3\xb5\xb7\xd7\xf7]*")
"""Signs of cp1252 that tables have without letters beyond ASCII: € … “ ” – § ° ± ² ³ µ · × ÷."""
CONTROL_CHARACTERS = re.compile("[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
REMEDY = "upload CSV, TSV, JSON Lines or Parquet (each may be gzipped)"


def detect_encoding(
    file: BinaryIO, limits: IngestLimits, encoding: str | None = None
) -> tuple[str, Warnings]:
    """The encoding of a text file, and a warning if it was guessed.

    Args:
        file: The file.
        limits: Of guesses.
        encoding: What the client says; nothing is guessed then.

    Raises:
        Invalid: The file is not text, or not in this encoding.
    """
    head = read_head(file, limits.head_bytes)
    if encoding is not None:
        return _check_encoding(file, head, encoding, limits), []
    bom_encoding = next((name for mark, name in BYTE_ORDER_MARKS.items() if head.startswith(mark)), None)
    utf16_encoding = None if bom_encoding else _detect_utf16(head, limits)
    _refuse_binary(head.decode(bom_encoding or utf16_encoding or "latin-1", errors="replace"), limits)
    encoding = bom_encoding or utf16_encoding or "utf-8"
    wrong = _find_undecodable_line(file, encoding, limits)
    if wrong is None:
        if encoding.startswith("utf-8"):
            return encoding, []
        reason = "its byte order mark says so" if bom_encoding else "every second byte of it is NUL"
        return encoding, [_make_encoding_warning(encoding, reason)]
    words = _collect_words(file, limits) if encoding == "utf-8" else []
    if _is_mostly_utf8(words):
        detail = (
            f"the file is UTF-8, except for line {wrong}; mend this line, or name the encoding of the file"
        )
        raise Invalid("not_text", detail, line=wrong)
    for guess in guess_encodings(b" ".join(words)) if words else ():
        if _find_undecodable_line(file, guess, limits) is None:
            return guess, [_make_encoding_warning(guess, f"line {wrong} is not UTF-8", wrong)]
    raise Invalid(
        "not_text",
        f"the file is neither UTF-8 nor UTF-16 text, see line {wrong}; name its encoding, or {REMEDY}",
        line=wrong,
    )


def guess_encodings(words: bytes) -> list[str]:
    """The encodings that words beyond ASCII may be in, the likeliest first.

    Models of running text judge (chardet). Tables differ from it in two ways. A table may have a single such
    word: letters beyond ASCII among others are Latin, a word of them alone is not. And headers may be in
    capitals, which look like small letters of another Cyrillic encoding: every encoding is judged by the
    words in its own small letters. Signs of measurement alone are those of Windows in Western Europe; other
    signs, and capitals within words, speak against an encoding.
    """
    import chardet  # noqa: PLC0415 - reads its models when first used, and most tables are UTF-8

    longest = max(map(len, RUNS.findall(words)), default=0)
    if SIGNS.fullmatch(words):
        return ["cp1252"]
    candidates: tuple[str, ...]
    if longest > 3:
        candidates = OTHER_SCRIPTS
    elif longest == 1 or MIXED.search(words):
        candidates = LATIN
    else:
        candidates = (*LATIN, *OTHER_SCRIPTS)
    ratings: dict[str, float] = {}
    for encoding in candidates:
        try:
            text = words.decode(encoding)
            small = text.lower().encode(encoding) if encoding in OTHER_SCRIPTS else words
        except UnicodeError:
            continue
        results = chardet.detect_all(
            small,
            include_encodings=candidates,
            no_match_encoding=candidates[0],
            compat_names=False,
            ignore_threshold=True,
        )
        name = codecs.lookup(encoding).name
        scores = (result["confidence"] for result in results if _is_named(result["encoding"], name))
        ratings[encoding] = next(scores, 0.0) * (_rate_spelling(text) if encoding in OTHER_SCRIPTS else 1.0)
    return sorted(ratings, key=lambda encoding: -ratings[encoding])


def _rate_spelling(text: str) -> float:
    """Share of letters among the characters beyond ASCII, times that of words spelled Word, word or WORD."""
    beyond = [character for character in text if not character.isascii()]
    words = text.split()
    regular_words = sum(word in (word.lower(), word.upper(), word.capitalize()) for word in words)
    return sum(map(str.isalpha, beyond)) * regular_words / max(len(beyond) * len(words), 1)


def _is_named(encoding: str | None, name: str) -> bool:
    return encoding is not None and codecs.lookup(encoding).name == name


def _collect_words(file: BinaryIO, limits: IngestLimits) -> list[bytes]:
    """Different words with letters beyond ASCII, from the beginning of the file on."""
    words: dict[bytes, None] = {}
    for chunk in _iterate_chunks(file, limits.chunk_bytes):
        matches = (match.group() for match in WORDS.finditer(chunk))
        words |= dict.fromkeys(islice(matches, limits.encoding_words))
        if len(words) >= limits.encoding_words:
            break
    return list(words)


def _is_mostly_utf8(words: list[bytes]) -> bool:
    """Whether most words are UTF-8: words of other encodings hardly ever are."""
    return 2 * sum(word.decode(errors="replace").find("\ufffd") < 0 for word in words) > len(words)


def _check_encoding(file: BinaryIO, head: bytes, encoding: str, limits: IngestLimits) -> str:
    """The encoding, if the whole file is text in it."""
    name = codecs.lookup(encoding).name
    name = "utf-8-sig" if name == "utf-8" else name
    _refuse_binary(head.decode(name, errors="replace"), limits)
    wrong = _find_undecodable_line(file, name, limits)
    if wrong is None:
        return name
    detail = f"line {wrong} is not {encoding} text; name another encoding, or none to have it detected"
    raise Invalid("not_text", detail, line=wrong)


def _detect_utf16(head: bytes, limits: IngestLimits, *, min_nul_share: float = 0.5) -> str | None:
    """Detect UTF-16 without a byte order mark: every second byte of Latin characters is NUL.

    Args:
        min_nul_share: Among every second byte, from which a file is UTF-16: digits and separators are half of
            any such table.
    """
    even, odd = (head[start::2].count(0) / max(len(head) / 2, 1) for start in (0, 1))
    if max(even, odd) < min_nul_share or min(even, odd) > limits.max_control_share:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _make_encoding_warning(encoding: str, reason: str, line: int | None = None) -> TableWarning:
    mend = "if letters are wrong, upload it with its encoding; UTF-8 is safest"
    detail = f"the file was read as {encoding}, because {reason}; {mend}"
    return TableWarning(code="encoding", detail=detail, line=line)


def _find_undecodable_line(file: BinaryIO, encoding: str, limits: IngestLimits) -> int | None:
    """The first line that this encoding cannot decode; ``None`` if it decodes the whole file."""
    line = 1
    decoder = codecs.getincrementaldecoder(encoding)()
    for chunk in _iterate_chunks(file, limits.chunk_bytes):
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            return line + error.object[: error.start].count(b"\n")
        except UnicodeError:  # utf-16 and utf-32 without a byte order mark
            return line
        _refuse_nul(text, line)
        line += text.count("\n")
    return None


def _iterate_chunks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The file in chunks; the last is empty."""
    file.seek(0)
    while chunk := file.read(size):
        yield chunk
    yield b""


def _refuse_binary(beginning: str, limits: IngestLimits) -> None:
    if len(CONTROL_CHARACTERS.findall(beginning)) > limits.max_control_share * len(beginning):
        raise Invalid("not_a_table", f"the file is binary, not a table in text; {REMEDY}")


def _refuse_nul(text: str, line: int) -> None:
    place = text.find("\0")
    if place >= 0:
        line += text[:place].count("\n")
        raise Invalid("nul_character", f"line {line} contains the character NUL; remove it", line=line)


def read_head(file: BinaryIO, size: int) -> bytes:
    """The first bytes of a file, which then begins again."""
    file.seek(0)
    head = file.read(size)
    file.seek(0)
    return head
