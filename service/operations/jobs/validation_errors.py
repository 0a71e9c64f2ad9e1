"""Mistakes in a request, reported together in one error."""

from collections.abc import Iterable, Iterator

from service.errors import Invalid
from service.strict_json import pointer

Path = list[str | int]
Mistake = tuple[str, Path, str]  # code, path in the request, what is wrong and what to do
Mistakes = Iterator[Mistake]

MAX_LISTED_NAMES = 20  # in a message


def refuse_mistakes(mistakes: Mistakes) -> None:
    """Refuse the request if there are mistakes.

    Raises:
        Invalid: With every mistake; its code is that of the first.
    """
    found = [{"pointer": pointer(path), "code": code, "detail": detail} for code, path, detail in mistakes]
    if found:
        more = f" (and {len(found) - 1} more, see errors)" if len(found) > 1 else ""
        raise Invalid(found[0]["code"], found[0]["detail"] + more, errors=found)


def format_names(names: Iterable[str]) -> str:
    """The first ``MAX_LISTED_NAMES`` names for a message, and the number of the others."""
    known = list(names)
    more = f" and {len(known) - MAX_LISTED_NAMES} more" if len(known) > MAX_LISTED_NAMES else ""
    return f"{', '.join(map(repr, known[:MAX_LISTED_NAMES]))}{more}"
