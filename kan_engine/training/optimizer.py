"""Common interface of all optimisers, which train step by step."""

from typing import Protocol, runtime_checkable


@runtime_checkable
class IterativeOptimizer(Protocol):
    """An optimiser that trains one network in place, step by step."""

    @property
    def grid_size(self) -> int:
        """Grid size of the last step."""

    @property
    def is_judged(self) -> bool:
        """Whether the validation loss is to be measured after the last step."""

    @property
    def is_settling(self) -> bool:
        """Whether steps without a better validation loss count towards the end of the training."""

    def advance_(self) -> float | None:
        """Take one step and return the objective, or None at the end of the training."""


class SequentialOptimizer:
    """Several optimisers, one after another."""

    def __init__(self, *methods: IterativeOptimizer) -> None:
        self._methods, self._place = methods, 0

    @property
    def _current(self) -> IterativeOptimizer:
        return self._methods[min(self._place, len(self._methods) - 1)]

    @property
    def grid_size(self) -> int:
        """Grid size of the last step."""
        return self._current.grid_size

    @property
    def is_judged(self) -> bool:
        """As in the current optimiser."""
        return self._current.is_judged

    @property
    def is_settling(self) -> bool:
        """As in the current optimiser."""
        return self._current.is_settling

    def advance_(self) -> float | None:
        """Take a step of the first optimiser that is not finished."""
        while self._place < len(self._methods):
            objective = self._current.advance_()
            if objective is not None:
                return objective
            self._place += 1
        return None
