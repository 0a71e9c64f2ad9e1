"""What all ways of training have in common: they advance step by step."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class Method(Protocol):
    """A way of training one network, in place, step by step."""

    @property
    def grid_size(self) -> int:
        """Grid that the last step was taken on."""

    @property
    def is_judged(self) -> bool:
        """Whether the last step is one after which the validation rows are worth asking."""

    @property
    def is_settling(self) -> bool:
        """Whether a stale validation loss now tells that training is over."""

    def advance_(self) -> float | None:
        """Take one step; the objective that it reached, or None if training is over."""


class InTurn:
    """One method after another."""

    def __init__(self, *methods: Method) -> None:
        self._methods, self._place = methods, 0

    @property
    def _now(self) -> Method:
        return self._methods[min(self._place, len(self._methods) - 1)]

    @property
    def grid_size(self) -> int:
        """Grid that the last step was taken on."""
        return self._now.grid_size

    @property
    def is_judged(self) -> bool:
        """As the present method says."""
        return self._now.is_judged

    @property
    def is_settling(self) -> bool:
        """As the present method says."""
        return self._now.is_settling

    def advance_(self) -> float | None:
        """A step of the first method that is not over."""
        while self._place < len(self._methods):
            reached = self._now.advance_()
            if reached is not None:
                return reached
            self._place += 1
        return None
