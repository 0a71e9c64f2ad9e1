"""Mistakes in a request, told all at once."""

from collections.abc import Iterable, Iterator

from service.errors import Invalid
from service.strict_json import pointer

Path = list[str | int]
Mistake = tuple[str, Path, str]  # code, path in the request, what is wrong and what to do
Mistakes = Iterator[Mistake]

NAMED = 20  # names that a message lists at most


def refuse(mistakes: Mistakes) -> None:
    """Nothing, if there are none.

    Raises:
        Invalid: With every mistake; the code is the first one's.
    """
    found = [{"pointer": pointer(path), "code": code, "detail": detail} for code, path, detail in mistakes]
    if found:
        more = f" (and {len(found) - 1} more, see errors)" if len(found) > 1 else ""
        raise Invalid(found[0]["code"], found[0]["detail"] + more, errors=found)


def listed(names: Iterable[str]) -> str:
    """Some names for a message, as many as are readable."""
    known = list(names)
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return f"{', '.join(map(repr, known[:NAMED]))}{more}"
