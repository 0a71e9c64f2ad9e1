"""Results of the checks of ``kan-service doctor``."""

from typing import Literal

from pydantic import BaseModel

INSTALL_HINT = "run `make install`, or `pip install .` in the folder of the repository"

State = Literal["ok", "warning", "broken"]


class Finding(BaseModel):
    """One line of ``kan-service doctor``."""

    what: str
    state: State
    fact: str
    remedy: str | None = None


def report_ok(what: str, fact: str) -> Finding:
    """The check passes."""
    return Finding(what=what, state="ok", fact=fact)


def report_warning(what: str, fact: str, remedy: str) -> Finding:
    """The service works, but perhaps with limitations."""
    return Finding(what=what, state="warning", fact=fact, remedy=remedy)


def report_broken(what: str, fact: str, remedy: str) -> Finding:
    """The service cannot work."""
    return Finding(what=what, state="broken", fact=fact, remedy=remedy)
