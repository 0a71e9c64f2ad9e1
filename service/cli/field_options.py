"""Options for the fields of a training. Written by ``make generate`` from the schema of a training."""

from typing import Annotated, Any, Literal, NamedTuple

import typer


class FieldOption(NamedTuple):
    """An option of commands for a field.

    Attributes:
        annotation: Its type, with its help.
        path: Of the field in the request.
        kind: How the option is written; see ``RequestField``.
    """

    annotation: Any
    path: str
    kind: str


Task = Annotated[
    Literal["auto", "regression", "classification", "density"] | None,
    typer.Option(
        help="Task. Regression, classification or density. By default, the type of the target column decides.",
        show_default=False,
    ),
]
Weight = Annotated[
    str | None,
    typer.Option(
        help="Row weights. A numeric column. A row of weight 2 counts twice; a row of weight 0 is ignored.",
        show_default=False,
    ),
]
TargetError = Annotated[
    str | None,
    typer.Option(
        help="Errors of the target. A numeric column: one standard deviation of the target in each row, in its units. Rows weigh 1/σ².",
        show_default=False,
    ),
]
Hidden = Annotated[
    str | None,
    typer.Option(
        help="Hidden nodes. Nodes of each hidden layer. If given, no other shape is tried. Separated by commas. 'none' is an empty list.",
        show_default=False,
    ),
]
Grid = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Grid. Number of grid intervals of every spline. More intervals resolve finer detail.",
        show_default=False,
    ),
]
Order = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=10,
        help="Order. Order of the splines: 3 is smooth, 1 is piecewise linear. [default: 3]",
        show_default=False,
    ),
]
Optimizer = Annotated[
    Literal["auto", "levenberg_marquardt", "adam", "lbfgs"] | None,
    typer.Option(help="Optimizer. Algorithm that fits the curves.", show_default=False),
]
GridSchedule = Annotated[
    str | None,
    typer.Option(
        help="Grid schedule. From coarse to fine. The first must equal the grid of the network, if one is given. Separated by commas.",
        show_default=False,
    ),
]
Steps = Annotated[
    int | None,
    typer.Option(
        min=1, help="Steps. Maximum number of steps per grid, or of epochs of Adam.", show_default=False
    ),
]
Lamb = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="Sparsity λ. Strength of the penalty on active curves. Larger values remove more of them.",
        show_default=False,
    ),
]
Restarts = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=1000,
        help="Restarts. Number of random initialisations that are compared.",
        show_default=False,
    ),
]
ClassWeight = Annotated[
    str | None,
    typer.Option(
        help="Class weights. Cost of an error on each class, in training and in the choice of the label. 'balanced', or costs as late=5,early=1.",
        show_default=False,
    ),
]
Device = Annotated[
    Literal["auto", "cpu", "cuda"] | None,
    typer.Option(
        help="Device. Where Adam trains. Without a GPU that the worker sees, cuda fails.", show_default=False
    ),
]
SplitKind = Annotated[
    Literal["random", "stratified", "tail", "column", "none"] | None,
    typer.Option(
        help="Held-out rows. Excluded from training; used for the final evaluation. [default: random]",
        show_default=False,
    ),
]
TestFraction = Annotated[
    float | None,
    typer.Option(
        help="Held-out share. Share of the rows that are held out, between 0 and 1. [default: 0.2]",
        show_default=False,
    ),
]
SplitSeed = Annotated[
    int | None,
    typer.Option(
        min=0, help="Split seed. Another seed holds out other rows. [default: 0]", show_default=False
    ),
]
SplitColumn = Annotated[
    str | None,
    typer.Option(
        help="Split column. For example a column with train and test, or a batch number. It is not used for learning.",
        show_default=False,
    ),
]
SplitTest = Annotated[
    str | None,
    typer.Option(
        help="Its values in held-out rows. Rows with these values are held out. Separated by commas.",
        show_default=False,
    ),
]
NoPrune = Annotated[bool, typer.Option("--no-prune", help="Do not prune unimportant curves.")]
NoFormula = Annotated[bool, typer.Option("--no-formula", help="Do not search for a formula.")]
MaxComplexity = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10000,
        help="Maximum complexity. Number of constants, variables and operations in the formula.",
        show_default=False,
    ),
]
Form = Annotated[
    str | None,
    typer.Option(
        help="A form that you believe in. For example a*exp(-b*t) + c. Names that are no columns are constants, which are fitted. Write a column whose name is no identifier in backticks, or as formulas print it.",
        show_default=False,
    ),
]
Constant = Annotated[
    list[str] | None,
    typer.Option(
        help="Its constants. Bounds of constants of the form, or their values. Bounds b=0..10, b=0.. or b=..10, or a value g=9.81; repeat for several.",
        show_default=False,
    ),
]
PerGroup = Annotated[
    str | None,
    typer.Option(
        help="Constants per group. For example a column of patients: the form, or the best formula, gets constants of each of them. The other constants are shared.",
        show_default=False,
    ),
]
Own = Annotated[
    str | None,
    typer.Option(
        help="Constants that differ between groups. Names of constants of the form. If there are none, the rows choose them. Separated by commas.",
        show_default=False,
    ),
]
MustUse = Annotated[
    list[str] | None,
    typer.Option(
        help="Columns that must occur. Every formula and every network contains them. Separated by commas.",
        show_default=False,
    ),
]
MaxConstants = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=100,
        help="Most constants. Largest number of measured constants of a formula.",
        show_default=False,
    ),
]
Functions = Annotated[
    str | None,
    typer.Option(
        help="Functions. The functions that formulas may contain, or sets: polynomial, rational, exponential, trigonometric. Arithmetic is always allowed. Separated by commas.",
        show_default=False,
    ),
]
Monotone = Annotated[
    list[str] | None,
    typer.Option(
        help="Columns with which the target rises or falls. Columns of numbers, all else equal. The networks are then sums of curves. As dose=increasing; repeat for several.",
        show_default=False,
    ),
]
Bounds = Annotated[
    str | None,
    typer.Option(
        help="Lowest and highest value of the target. No answer within the training ranges leaves them. As 0:100, 0: or :100.",
        show_default=False,
    ),
]
NoCompact = Annotated[bool, typer.Option("--no-compact", help="Do not look for a network of few curves.")]
MaxEdges = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=200,
        help="Most curves. Largest number of curves of the compact network. [default: 20]",
        show_default=False,
    ),
]
Serve = Annotated[
    Literal["auto", "accurate", "compact", "formula", "linear"] | None,
    typer.Option(
        help="Member that answers. The member of the model that answers by default; auto is the best one.",
        show_default=False,
    ),
]
Units = Annotated[
    Literal["check", "enforce", "ignore"] | None,
    typer.Option(
        help="Units. What follows if the units of a formula do not add up. [default: check]",
        show_default=False,
    ),
]
Baselines = Annotated[
    str | None,
    typer.Option(
        help="Compare with. Other methods that are trained on the same rows. linear, mlp and boosting, separated by commas, or 'none'. mlp:29x29 is an MLP of that shape, mlp:987 one with about 987 parameters, mlp:matched one as large as the network. [default: linear]",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, help="Seed. The same seed gives the same network. [default: 0]", show_default=False),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option(
        help="Time limit, seconds. The best model within this time is kept. [default: 300]",
        show_default=False,
    ),
]
Priority = Annotated[
    int | None,
    typer.Option(
        min=-100,
        max=100,
        help="Priority. Your queued jobs with the highest priority run first. [default: 0]",
        show_default=False,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(help="Name of the model. An existing name gets a new version.", show_default=False),
]
OPTIONS = {
    "task": FieldOption(Task, "task", "choice"),
    "weight": FieldOption(Weight, "weight", "column"),
    "target_error": FieldOption(TargetError, "target_error", "column"),
    "hidden": FieldOption(Hidden, "network.hidden", "list"),
    "grid": FieldOption(Grid, "network.grid", "whole number"),
    "order": FieldOption(Order, "network.order", "whole number"),
    "optimizer": FieldOption(Optimizer, "training.optimizer", "choice"),
    "grid_schedule": FieldOption(GridSchedule, "training.grid_schedule", "list"),
    "steps": FieldOption(Steps, "training.steps", "whole number"),
    "lamb": FieldOption(Lamb, "training.lamb", "number"),
    "restarts": FieldOption(Restarts, "training.restarts", "whole number"),
    "class_weight": FieldOption(ClassWeight, "training.class_weight", "class weights"),
    "device": FieldOption(Device, "training.device", "choice"),
    "split_kind": FieldOption(SplitKind, "split.kind", "choice"),
    "test_fraction": FieldOption(TestFraction, "split.test_fraction", "number"),
    "split_seed": FieldOption(SplitSeed, "split.seed", "whole number"),
    "split_column": FieldOption(SplitColumn, "split.column", "column"),
    "split_test": FieldOption(SplitTest, "split.test", "values"),
    "no_prune": FieldOption(NoPrune, "prune", "switch"),
    "no_formula": FieldOption(NoFormula, "symbolic", "switch"),
    "max_complexity": FieldOption(MaxComplexity, "symbolic.max_complexity", "whole number"),
    "form": FieldOption(Form, "form", "text"),
    "constant": FieldOption(Constant, "constants", "constants"),
    "per_group": FieldOption(PerGroup, "per_group.column", "column"),
    "own": FieldOption(Own, "per_group.own", "words"),
    "must_use": FieldOption(MustUse, "must_use", "columns"),
    "max_constants": FieldOption(MaxConstants, "max_constants", "whole number"),
    "functions": FieldOption(Functions, "functions", "words"),
    "monotone": FieldOption(Monotone, "monotone", "monotone"),
    "bounds": FieldOption(Bounds, "bounds", "bounds"),
    "no_compact": FieldOption(NoCompact, "compact", "switch"),
    "max_edges": FieldOption(MaxEdges, "compact.max_edges", "whole number"),
    "serve": FieldOption(Serve, "serve", "choice"),
    "units": FieldOption(Units, "units", "choice"),
    "baselines": FieldOption(Baselines, "baselines", "baselines"),
    "seed": FieldOption(Seed, "seed", "whole number"),
    "max_seconds": FieldOption(MaxSeconds, "max_seconds", "number"),
    "priority": FieldOption(Priority, "priority", "whole number"),
    "name": FieldOption(Name, "name", "text"),
}
"""By their names."""
