"""Exceptions and warnings of the engine.

KANEngineError
├── InvalidConfig       invalid configuration of a network or a training
├── InvalidData         data unusable for training or prediction; has the column and the row
├── InvalidExpression   text that is not a formula; has the position of the character
│   └── InvalidEquation text that is not an equation, or equations that are not well posed
├── NoSolution          equations without a solution, or whose solution cannot be continued
├── TrainingDiverged    the loss is not finite
├── DeviceUnavailable   CUDA is requested, but torch sees none, or its memory is full
├── SymbolicFitFailed   no function of the library fits an edge
├── ArtifactError       bytes that are not a saved model
└── NotExportable       a model that the file format cannot represent

UnseenCategory          warning of a prediction for categories that the training rows do not have
"""


class KANEngineError(Exception):
    """Base class of all errors of the engine."""


class InvalidConfig(KANEngineError, ValueError):
    """Invalid configuration of a network or a training."""


class InvalidData(KANEngineError, ValueError):
    """Data unusable for training or prediction.

    Args:
        message: What is wrong and what to try.
        column: Name of the column that causes the error, if it is one.
        row: Index of the row that causes the error, counted from 0, if it is one.
    """

    def __init__(self, message: str, *, column: str | None = None, row: int | None = None) -> None:
        super().__init__(message)
        self.column = column
        self.row = row


EQUATION_CODES = ("invalid_equation", "too_few_conditions", "invalid_domain")


class InvalidExpression(KANEngineError, ValueError):
    """Text that is not a formula.

    Args:
        message: What is wrong and what to try.
        place: Index of the character that causes the error, if it is one.
    """

    def __init__(self, message: str, place: int | None = None) -> None:
        super().__init__(message)
        self.place = place


class InvalidEquation(InvalidExpression):
    """Text that is not an equation, or equations that do not form a well-posed problem.

    Args:
        message: What is wrong and what to try.
        place: Index of the character that causes the error, if it is one.
        path: Part of the problem that causes the error, for example ``("conditions", 1, "residual")``.
        code: Machine-readable kind of the error; one of ``EQUATION_CODES``.
    """

    def __init__(
        self,
        message: str,
        place: int | None = None,
        path: tuple[str | int, ...] = (),
        code: str = "invalid_equation",
    ) -> None:
        super().__init__(message, place)
        self.path, self.code = path, code


class NoSolution(KANEngineError):
    """Equations whose solution cannot be found, or cannot be continued beyond a point."""


class TrainingDiverged(KANEngineError):
    """The loss is not finite at training step ``step``."""

    def __init__(self, step: int) -> None:
        super().__init__(f"the loss is not finite at step {step}; try a smaller grid or fewer nodes")
        self.step = step


class DeviceUnavailable(KANEngineError):
    """CUDA is requested, but torch sees none, or its memory is full."""


class SymbolicFitFailed(KANEngineError):
    """No function of the library fits the edge ``(layer, in, out)``."""

    def __init__(self, message: str, edge: tuple[int, int, int]) -> None:
        super().__init__(message)
        self.edge = edge


class ArtifactError(KANEngineError):
    """Bytes that are not a saved model of a known format."""


class NotExportable(KANEngineError):
    """A model that the file format cannot represent."""


class UnseenCategory(UserWarning):
    """Rows to predict have categories that the training rows do not have."""
