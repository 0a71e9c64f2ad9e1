"""Mistakes in a request, reported together in one error."""

from collections.abc import Iterator

from service.errors import Invalid
from service.strict_json import pointer

Path = list[str | int]
Mistake = tuple[str, Path, str]  # code, path in the request, what is wrong and what to do
Mistakes = Iterator[Mistake]


def refuse_mistakes(mistakes: Mistakes) -> None:
    """Refuse the request if there are mistakes.

    Raises:
        Invalid: With every mistake; its code is that of the first.
    """
    found = [{"pointer": pointer(path), "code": code, "detail": detail} for code, path, detail in mistakes]
    if found:
        more = f" (and {len(found) - 1} more, see errors)" if len(found) > 1 else ""
        raise Invalid(found[0]["code"], found[0]["detail"] + more, errors=found)
