"""Mistakes in a request, reported together in one error."""

from collections.abc import Iterable, Iterator

from service.errors import Invalid
from service.strict_json import pointer

Path = list[str | int]
Mistake = tuple[str, Path, str]  # code, path in the request, what is wrong and what to do
Mistakes = Iterator[Mistake]

NAMED = 20  # in a message


def refuse(mistakes: Mistakes) -> None:
    """Refuse the request if there are mistakes.

    Raises:
        Invalid: With every mistake; its code is that of the first.
    """
    found = [{"pointer": pointer(path), "code": code, "detail": detail} for code, path, detail in mistakes]
    if found:
        more = f" (and {len(found) - 1} more, see errors)" if len(found) > 1 else ""
        raise Invalid(found[0]["code"], found[0]["detail"] + more, errors=found)


def listed(names: Iterable[str]) -> str:
    """The first ``MAX_LISTED_NAMES`` names for a message, and the number of the others."""
    known = list(names)
    more = f" and {len(known) - NAMED} more" if len(known) > NAMED else ""
    return f"{', '.join(map(repr, known[:NAMED]))}{more}"
