"""What can go wrong in the engine, drawn as a tree.

KANEngineError
├── InvalidConfig       a configuration that cannot describe a network or a training run
├── InvalidData         data that cannot be learnt from; names the column and the row
├── InvalidEquation     text that is no equation; names the character
├── NoSolution          equations whose solution cannot be found, or continued
├── TrainingDiverged    the loss left the finite numbers
├── SymbolicFitFailed   no function of the library fits an edge
├── ArtifactError       bytes that are not a saved model
└── NotExportable       a model that a kind of file cannot hold
"""


class KANEngineError(Exception):
    """Anything the engine refuses to do."""


class InvalidConfig(KANEngineError, ValueError):
    """A configuration that cannot describe a network or a training run."""


class InvalidData(KANEngineError, ValueError):
    """Data that cannot be learnt from or predicted on.

    Args:
        message: What is wrong and what to try.
        column: Name of the column, if one column is to blame.
        row: Index of the row counted from 0, if one row is to blame.
    """

    def __init__(self, message: str, *, column: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.column = column
        self.row = row


EQUATION_CODES = ("invalid_equation", "too_few_conditions", "invalid_domain")


class InvalidEquation(KANEngineError, ValueError):
    """Text that is no equation, or equations that pose no problem.

    Args:
        message: What is wrong and what to try.
        place: Index of the character, if one is to blame.
        path: Which part of the problem is to blame: ``("conditions", 1, "residual")``.
        code: What is wrong, for programs; one of ``EQUATION_CODES``.
    """

    def __init__(
        self,
        message: str,
        place: int | None = None,
        path: tuple[str | int, ...] = (),
        code: str = "invalid_equation",
    ) -> None:
        super().__init__(message)
        self.place, self.path, self.code = place, path, code


class NoSolution(KANEngineError):
    """Equations whose solution cannot be found, or not be continued beyond some place."""


class TrainingDiverged(KANEngineError):
    """The loss left the finite numbers at training step ``step``."""

    def __init__(self, step: int) -> None:
        super().__init__(f"the loss is not finite at step {step}; try a smaller grid or fewer nodes")
        self.step = step


class SymbolicFitFailed(KANEngineError):
    """No function of the library fits the edge ``(layer, in, out)``."""

    def __init__(self, message: str, edge: tuple[int, int, int]) -> None:
        super().__init__(message)
        self.edge = edge


class ArtifactError(KANEngineError):
    """Bytes that are not a saved model of a known format."""


class NotExportable(KANEngineError):
    """A model that a kind of file cannot hold."""
