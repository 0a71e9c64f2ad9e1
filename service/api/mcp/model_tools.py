"""Tools for models: describe, read the formula, predict, evaluate, draw, list."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field

from kan_engine.drawing.svg import THEMES
from kan_engine.expressions.printing.languages import LANGUAGES
from service.api.http.choices import choose_from
from service.api.mcp.dataset_tools import ListArguments
from service.api.mcp.tool import Picture, ProgressReporter, Tool, ToolContext
from service.caller import Scope
from service.db.repositories.models import TrainedModels
from service.operations.models import evaluations, management, plots
from service.operations.models.formulas import read_formulas
from service.operations.prediction import predict as prediction
from service.rendering.png import to_png
from service.schemas.common import RequestModel
from service.schemas.evaluations import EvaluateRequest, EvaluationOut
from service.schemas.figures import LanguageName, ThemeName
from service.schemas.formulas import ReasonOut
from service.schemas.members import Metrics
from service.schemas.models import FeatureOut, ModelOut
from service.schemas.prediction import PredictionOut, PredictRequest

NETWORK = "network"
Reference = Annotated[
    str, Field(min_length=1, max_length=300, description="Id, name or `name@alias` of a model.")
]


class ModelArguments(RequestModel):
    """Which model."""

    model: Reference


class FormulaArguments(ModelArguments):
    """Which model, and the language of its formula."""

    language: Annotated[str, *choose_from(LANGUAGES)] | None = Field(
        default=None, description="Also print the formula in this language, as `code`."
    )


class PredictArguments(PredictRequest):
    """Rows as `rows` or as `columns`, with the columns that describe_model lists."""

    model_config = ConfigDict(json_schema_extra={})  # clients refuse `oneOf` at the top of a schema


class EvaluateArguments(EvaluateRequest):
    """Rows with the true values of the target: `dataset_id`, `rows` or `columns`."""

    model_config = ConfigDict(json_schema_extra={})  # clients refuse `oneOf` at the top of a schema

    model: Reference


class PlotArguments(ModelArguments):
    """Which picture of which model."""

    plot: Annotated[str, *choose_from(plots.PLOTS, NETWORK)] = Field(
        default=NETWORK,
        description="`network`: every activation. `parity`: predicted against true values. `effects`: how "
        "predictions change with each feature. `density`, `solution`: for models of these tasks.",
    )
    width: Annotated[int, Field(ge=200, le=2_000, description="Pixels.")] = 1_000
    theme: ThemeName = "light"
    language: LanguageName = "en"


class ListModelsArguments(ListArguments):
    """Which part of the list of models, newest first."""

    name: str | None = Field(default=None, max_length=200, description="Only the versions of this name.")


class ModelReport(BaseModel):
    """A model, its inputs with their ranges in training, and its errors on the hold-out rows."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    version: int
    aliases: list[str]
    task: str
    target: str
    features: list[FeatureOut]
    outputs: list[str]
    units: dict[str, str]
    classes: list[Any] | None
    metrics: Metrics = Field(description="In the target's units.")
    baselines: dict[str, Any] = Field(description="Other models on the same rows, to compare with.")
    warnings: list[str | dict[str, Any]]
    dataset_id: str | None
    job_id: str
    created_at: datetime


class ModelEntry(BaseModel):
    """A model in a list."""

    model_config = ConfigDict(from_attributes=True)

    id: str
    name: str
    version: int
    task: str
    target: str
    metrics: Metrics
    created_at: datetime


class ModelEntries(BaseModel):
    """A part of a list."""

    items: list[ModelEntry]
    has_more: bool


class AlternativeFormula(BaseModel):
    """A smaller or a more accurate formula."""

    expression: str
    complexity: int
    rmse: float | None
    r2: float | None


class OutputFormulaReport(BaseModel):
    """The formula of an output, with its errors on the hold-out rows."""

    name: str
    quantity: str = Field(description="What it gives: `value`, `density`, `log-odds` or `logit`.")
    expression: str
    latex: str
    symbols: dict[str, str] = Field(description="What names mean that are no columns.")
    units: dict[str, str]
    domain: dict[str, Any] = Field(description="Range of each variable in training; no claim beyond it.")
    complexity: int
    rmse: float | None
    r2: float | None
    pareto: list[AlternativeFormula]


class FormulaReport(BaseModel):
    """The formulas of a model, and how far they can be trusted."""

    model_id: str
    verdict: str = Field(
        description="`exact`; `consistent` with the data; `approximation`: not the law; `weak`: no better "
        "than a line or a constant."
    )
    reasons: list[ReasonOut] = Field(description="Why the verdict is not better.")
    outputs: list[OutputFormulaReport]
    code: str | None = Field(description="In the requested language.")


def describe_model(given: ModelArguments, context: ToolContext, _: ProgressReporter) -> ModelReport:
    """The inputs of a model with their ranges, and its errors on the hold-out rows beside other models'."""
    with context.sessions.read() as session:
        models = TrainedModels(session)
        model = models.get(given.model)
        out = ModelOut.from_row(model, models.list_aliases([model])[model.id])
    return ModelReport.model_validate(out)


def read_formula(given: FormulaArguments, context: ToolContext, _: ProgressReporter) -> FormulaReport:
    """The formula of a model with verdict, errors, range and alternatives. Tell the verdict with the formula:
    only `exact` and `consistent` formulas may be the law.
    """
    formulas = read_formulas(given.model, context.sessions)
    document: dict[str, Any] = formulas.to_json()
    evidence = document.get("evidence") or {}
    code = None if given.language is None else formulas.write(given.language)
    return FormulaReport.model_validate(document | {"reasons": evidence.get("reasons") or [], "code": code})


def predict(given: PredictArguments, context: ToolContext, _: ProgressReporter) -> dict[str, Any]:
    """Predict the target for rows. A warning marks a row outside the range of training: do not rely on it."""
    with context.meters.time_prediction("predict") as count:
        document = prediction.predict(given.model, given, context.serving)
        count(given.row_count)
    return document


def evaluate(given: EvaluateArguments, context: ToolContext, _: ProgressReporter) -> EvaluationOut:
    """Measure a model on labelled rows that came after its training: does it still hold? `verdict` and
    `summary` tell it; `drift` names inputs whose values have changed. The result is kept.
    """
    folder = context.settings.data_dir
    return EvaluationOut.from_row(evaluations.evaluate(given.model, given, context.serving, folder))


async def draw_plot(given: PlotArguments, context: ToolContext, _: ProgressReporter) -> Picture:
    """A picture of a model as PNG: its network, its quality, or the effects of its features."""
    look = replace(THEMES[given.theme], language=given.language)
    draw = (
        partial(management.draw_model, given.model, context.sessions, look)
        if given.plot == NETWORK
        else partial(plots.draw_plot, given.model, given.plot, context.sessions, look)
    )
    png = await to_thread.run_sync(lambda: to_png(draw(), given.width), limiter=context.drawing)
    return Picture(png)


def list_models(given: ListModelsArguments, context: ToolContext, _: ProgressReporter) -> ModelEntries:
    """Trained models with their errors, newest first."""
    with context.sessions.read() as session:
        models = TrainedModels(session)
        rows = models.page(limit=given.limit, after=given.after, name=given.name)
        items = [ModelEntry.model_validate(ModelOut.from_row(row, [])) for row in rows[: given.limit]]
    return ModelEntries(items=items, has_more=len(rows) > given.limit)


MODEL_TOOLS = (
    Tool(
        title="Describe a model",
        run=describe_model,
        arguments=ModelArguments,
        result=ModelReport,
        scopes=(Scope.READ, Scope.PREDICT),
        is_read_only=True,
    ),
    Tool(
        title="Read the formula",
        run=read_formula,
        arguments=FormulaArguments,
        result=FormulaReport,
        scopes=(Scope.READ,),
        is_read_only=True,
    ),
    Tool(
        title="Predict",
        run=predict,
        arguments=PredictArguments,
        result=PredictionOut,
        scopes=(Scope.PREDICT,),
        is_read_only=True,
    ),
    Tool(
        title="Evaluate a model",
        run=evaluate,
        arguments=EvaluateArguments,
        result=EvaluationOut,
        scopes=(Scope.TRAIN,),
    ),
    Tool(
        title="Draw a model",
        run=draw_plot,
        arguments=PlotArguments,
        result=None,
        scopes=(Scope.READ,),
        is_read_only=True,
    ),
    Tool(
        title="List models",
        run=list_models,
        arguments=ListModelsArguments,
        result=ModelEntries,
        scopes=(Scope.READ, Scope.PREDICT),
        is_read_only=True,
    ),
)
