"""Mistakes in a request, reported together in one error."""

from collections.abc import Iterator

from service.errors import ErrorEntry, Invalid
from service.strict_json import pointer

Path = list[str | int]
Mistake = tuple[str, Path, str]  # code, path in the request, what is wrong and what to do
Mistakes = Iterator[Mistake]


def refuse_mistakes(mistakes: Mistakes) -> None:
    """Refuse the request if there are mistakes.

    Raises:
        Invalid: With every mistake; its code is that of the first.
    """
    errors = [ErrorEntry(code, detail, {"pointer": pointer(path)}) for code, path, detail in mistakes]
    if errors:
        suffix = f" (and {len(errors) - 1} more, see errors)" if len(errors) > 1 else ""
        raise Invalid(errors[0].code, errors[0].detail + suffix, errors=errors)
