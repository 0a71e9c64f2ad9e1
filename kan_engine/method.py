"""What all ways of training have in common: they advance, and their state can be kept and restored."""

from typing import Protocol, runtime_checkable

from kan_engine.checkpoint import State, part_of, within


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

    def state(self) -> State:
        """All that, beside the network, decides how training goes on."""

    def restore_(self, state: State) -> None:
        """Go on where ``state`` was taken, bit for bit; the network must be as it was then."""


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

    def state(self) -> State:
        """Which method is at work, and the state of each."""
        parts = (within(str(number), method.state()) for number, method in enumerate(self._methods))
        return {"place": self._place} | {name: value for part in parts for name, value in part.items()}

    def restore_(self, state: State) -> None:
        """Go on where ``state`` was taken."""
        self._place = state["place"]
        for number, method in enumerate(self._methods):
            method.restore_(part_of(state, str(number)))
