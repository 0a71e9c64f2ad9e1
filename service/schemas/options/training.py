"""Shape of the network, its training, and the rows that are held out."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from service.schemas.common import Column, RequestModel, Seed, Setting, Size

MAX_GRIDS = 20  # in a schedule
Value = bool | int | float | str


class NetworkOptions(RequestModel):
    """Shape of the network."""

    hidden: Annotated[
        Literal["auto"] | Annotated[list[Size], Field(max_length=100_000)],
        Setting("Hidden nodes", "network", example="5, 3"),
    ] = Field(
        default="auto",
        description="Nodes of each hidden layer. If given, no other shape is tried.\n\n"
        "`[10]` on 8 features and one target is KAN[8,10,1]; `[]` is a sum of curves.",
    )
    grid: Annotated[Literal["auto"] | Size, Setting("Grid", "network", example="10")] = Field(
        default="auto",
        description="Number of grid intervals of every spline. More intervals resolve finer detail.",
    )
    order: Annotated[int, Field(ge=0, le=10), Setting("Order", "network", example="3")] = Field(
        default=3,
        description="Order of the splines: 3 is smooth, 1 is piecewise linear.",
    )


class TrainingOptions(RequestModel):
    """Training of the network."""

    optimizer: Annotated[
        Literal["auto", "levenberg_marquardt", "adam", "lbfgs"], Setting("Optimizer", "training")
    ] = Field(
        default="auto",
        description="Algorithm that fits the curves.\n\n"
        "Levenberg-Marquardt is for small networks, Adam for large ones and many rows; L-BFGS is that of the "
        "paper.",
    )
    grid_schedule: Annotated[
        Literal["auto"] | Annotated[list[Size], Field(min_length=1, max_length=MAX_GRIDS)],
        Setting("Grid schedule", "training", example="5, 10, 20"),
    ] = Field(
        default="auto",
        description="From coarse to fine. The first must equal the grid of the network, if one is given.",
    )
    steps: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=1, le=1_000_000)],
        Setting("Steps", "training", example="100"),
    ] = Field(
        default="auto",
        description="Maximum number of steps per grid, or of epochs of Adam.",
    )
    lamb: Annotated[
        Literal["auto"] | Annotated[float, Field(ge=0)], Setting("Sparsity λ", "training", example="0.001")
    ] = Field(
        default="auto",
        description="Strength of the penalty on active curves. Larger values remove more of them.",
    )
    restarts: Annotated[
        Literal["auto"] | Annotated[int, Field(ge=1, le=1000)], Setting("Restarts", "training", example="3")
    ] = Field(
        default="auto",
        description="Number of random initialisations that are compared.\n\n"
        "Second order continues with the best of them. Adam trains all of them side by side in one network, "
        "unless they have too many weights.",
    )
    class_weight: Annotated[
        Literal["balanced"] | dict[str, Annotated[float, Field(gt=0)]] | None,
        Setting("Class weights", "task", kind="class weights"),
    ] = Field(
        default=None,
        description="Cost of an error on each class, in training and in the choice of the label.\n\n"
        "By the name of the class, 1 by default; `balanced` uses the inverse of its frequency. Probabilities "
        "are not affected: they are calibrated to the frequencies of the data.",
    )
    device: Annotated[Literal["auto", "cpu", "cuda"], Setting("Device", "training")] = Field(
        default="auto",
        description="Where Adam trains. Without a GPU that the worker sees, cuda fails.\n\n"
        "All else is done on the CPU. `auto` leaves it to the worker (`KAN_DEVICE`): by default a GPU that "
        "it sees, for networks with much work per batch. The code of a failure is `device_unavailable`.",
    )


class SplitOptions(RequestModel):
    """Selection of the hold-out rows, which are used only for the reported metrics."""

    kind: Annotated[
        Literal["random", "stratified", "tail", "column", "none"],
        Setting("Held-out rows", "split", name="split_kind"),
    ] = Field(
        default="random",
        description="Excluded from training; used for the final evaluation.",
    )
    test_fraction: Annotated[float, Field(gt=0, lt=1), Setting("Held-out share", "split", example="0.2")] = (
        Field(
            default=0.2,
            description="Share of the rows that are held out, between 0 and 1.",
        )
    )
    seed: Annotated[Seed, Setting("Split seed", "split", name="split_seed", example="0")] = Field(
        default=0,
        description="Another seed holds out other rows.",
    )
    column: Annotated[Column | None, Setting("Split column", "split", name="split_column", kind="column")] = (
        Field(
            default=None,
            description="For example a column with train and test, or a batch number. It is not used for "
            "learning.",
        )
    )
    test: Annotated[
        list[Value] | None, Setting("Its values in held-out rows", "split", name="split_test", kind="values")
    ] = Field(
        default=None,
        description="Rows with these values are held out.",
    )

    @model_validator(mode="after")
    def _check_column(self) -> Self:
        presence = self.column is not None, bool(self.test)
        if presence != (self.kind == "column",) * 2:
            raise ValueError('column and test belong to the split kind "column", which needs both')
        return self
