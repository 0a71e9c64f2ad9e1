"""Tools for models: describe, read the formula and the activations, export, predict, evaluate, draw, list."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Annotated, Any

from anyio import to_thread
from pydantic import BaseModel, ConfigDict, Field

from kan_engine.drawing.svg import THEMES
from kan_engine.expressions.library import LIBRARY
from kan_engine.expressions.printing.languages import LANGUAGES
from service.api.http.choices import choose_from
from service.api.mcp.dataset_tools import ListArguments
from service.api.mcp.tool import ExportedFile, Picture, ProgressReporter, Tool, ToolContext
from service.caller import Scope
from service.db.repositories.models import TrainedModels
from service.documents.plots import PLOTS
from service.operations.models import comparison, evaluations, exports, management, next_rows, plots
from service.operations.models.formulas import read_formulas
from service.operations.models.model_formats import MODEL_FORMATS
from service.operations.models.pictured_network import select_network
from service.operations.prediction import predict as prediction
from service.rendering.png import to_png
from service.schemas.common import RequestModel, select_fields
from service.schemas.evaluations import EvaluateRequest, EvaluationOut
from service.schemas.figures import LanguageName, ThemeName
from service.schemas.formulas import ReasonOut, SymbolicOut
from service.schemas.models import ModelOut, ModelPatch, NetworkChoice
from service.schemas.prediction import NextRowsOut, NextRowsRequest, PredictionOut, PredictRequest
from service.schemas.registry import CompareOut

NETWORK = "network"
CURVES = ("x", "y", "preacts", "postacts", "points")  # of an edge; they are for pictures
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


class NextRowsArguments(NextRowsRequest):
    """Which model, how many rows to propose, and where."""

    model: Reference


class PlotArguments(ModelArguments):
    """Which picture of which model."""

    plot: Annotated[str, *choose_from(PLOTS, NETWORK)] = Field(
        default=NETWORK,
        description="`network`: every activation. `parity`: predicted against true values. `effects`: how "
        "predictions change with each feature. `density`, `solution`: for models of these tasks.",
    )
    width: Annotated[int, Field(ge=200, le=2_000, description="Pixels.")] = 1_000
    theme: ThemeName = "light"
    language: LanguageName = "en"


class ChangeModelArguments(ModelPatch):
    """Which model, and what changes; omitted fields stay as they are."""

    model: Reference


class CompareArguments(RequestModel):
    """Which models."""

    models: Annotated[list[Reference], Field(min_length=2, max_length=20)]


class ListModelsArguments(ListArguments):
    """Which part of the list of models, newest first."""

    name: str | None = Field(default=None, max_length=200, description="Only the versions of this name.")


class ModelReport(
    select_fields(  # type: ignore[misc]  # mypy knows no class that is made at run time
        ModelOut,
        "id name version aliases task target features outputs units classes metrics baselines warnings "
        "dataset_id job_id created_at",
    )
):
    """A model, its inputs with their ranges in training, and its errors on the hold-out rows."""

    model_config = ConfigDict(from_attributes=True)


class ModelEntry(
    select_fields(ModelOut, "id name version task target metrics created_at")  # type: ignore[misc]  # as above
):
    """A model in a list."""

    model_config = ConfigDict(from_attributes=True)


class ModelEntries(BaseModel):
    """A part of a list."""

    items: list[ModelEntry]
    has_more: bool


class FormulaReport(SymbolicOut):
    """The formulas of a model with their constants, and how far they can be trusted."""

    reasons: list[ReasonOut] = Field(description="Why the verdict is not better.")
    code: str | None = Field(description="In the requested language.")


class EdgesArguments(ModelArguments):
    """Which model, and how many of its activations."""

    network: NetworkChoice | None = Field(
        default=None,
        description="`accurate`, whose edges `fix` takes, or `compact`; null for the accurate one.",
    )
    max_edges: Annotated[int, Field(ge=1, le=1_000)] = 50


class EdgesReport(BaseModel):
    """Activations with the functions that fit them; `layer`, `in` and `out` are those of `fix`."""

    network: str
    width: list[int]
    inputs: list[str]
    outputs: list[str]
    edge_count: int
    edges: list[dict[str, Any]] = Field(description="Those with the highest scores first, without curves.")
    functions: list[str] = Field(description="All functions that `fix` can put on an edge.")


class ExportArguments(ModelArguments):
    """Which model, and the format of the file."""

    format: Annotated[str, *choose_from(MODEL_FORMATS)] = Field(
        default="python",
        description="`python`: a file that needs only NumPy. `onnx`: a graph. `safetensors`: for another "
        "KAN service.",
    )


def describe_model(arguments: ModelArguments, context: ToolContext, _: ProgressReporter) -> ModelReport:
    """The inputs of a model with their ranges, and its errors on the hold-out rows beside other models'."""
    with context.sessions.read() as session:
        models = TrainedModels(session)
        model = models.get(arguments.model)
        out = ModelOut.from_row(model, models.list_aliases([model])[model.id])
    report: ModelReport = ModelReport.model_validate(out)
    return report


def read_formula(arguments: FormulaArguments, context: ToolContext, _: ProgressReporter) -> FormulaReport:
    """The formula of a model with verdict, errors, range and alternatives. Tell the verdict with the formula:
    only `exact` and `consistent` formulas may be the law.
    """
    formulas = read_formulas(arguments.model, context.sessions)
    document: dict[str, Any] = formulas.to_json()
    evidence = document.get("evidence") or {}
    code = None if arguments.language is None else formulas.write(arguments.language)
    return FormulaReport.model_validate(document | {"reasons": evidence.get("reasons") or [], "code": code})


def read_edges(arguments: EdgesArguments, context: ToolContext, _: ProgressReporter) -> EdgesReport:
    """The activations of a network with the functions that fit them, for `fix` of change_formula."""
    with context.sessions.read() as session:
        member = select_network(TrainedModels(session).get(arguments.model), arguments.network)
        document: dict[str, Any] = {"network": member.name, **member.edges}
    ranking = sorted(document["edges"], key=lambda edge: -(edge.get("score") or 0.0))
    edges = [
        {key: value for key, value in edge.items() if key not in CURVES}
        for edge in ranking[: arguments.max_edges]
    ]
    details = {"edges": edges, "edge_count": len(ranking), "functions": list(LIBRARY)}
    return EdgesReport.model_validate(document | details)


def export_model(arguments: ExportArguments, context: ToolContext, _: ProgressReporter) -> ExportedFile:
    """The model as a file, after a check that its predictions are those of the model."""
    file = exports.export_model(
        arguments.model, arguments.format, context.sessions, context.serving.predictors
    )
    facts = {
        "filename": file.filename,
        "bytes": len(file.data),
        "sha256": file.sha256,
        "members": list(file.members),
        "max_difference": file.difference,
    }
    uri = f"kan://files/{file.filename}"
    return ExportedFile(uri, file.media_type, file.data, facts)


def predict(arguments: PredictArguments, context: ToolContext, _: ProgressReporter) -> dict[str, Any]:
    """Predict the target for rows. A warning marks a row outside the range of training: do not rely on it."""
    with context.meters.time_prediction("predict") as count:
        document = prediction.predict(arguments.model, arguments, context.serving)
        count(arguments.row_count)
    return document


def evaluate(arguments: EvaluateArguments, context: ToolContext, _: ProgressReporter) -> EvaluationOut:
    """Measure a model on labelled rows that came after its training: does it still hold? `verdict` and
    `summary` tell it; `drift` names inputs whose values have changed. The result is kept.
    """
    folder = context.settings.data_dir
    return EvaluationOut.from_row(evaluations.evaluate(arguments.model, arguments, context.serving, folder))


def propose_rows(arguments: NextRowsArguments, context: ToolContext, _: ProgressReporter) -> NextRowsOut:
    """Rows to measure next: those that tell most about which of the formulas is the law, with what each of
    them foretells there.
    """
    folder = context.settings.data_dir
    return next_rows.propose_next_rows(arguments.model, arguments, context.serving, folder)


async def draw_plot(arguments: PlotArguments, context: ToolContext, _: ProgressReporter) -> Picture:
    """A picture of a model as PNG: its network, its quality, or the effects of its features."""
    look = replace(THEMES[arguments.theme], language=arguments.language)
    draw = (
        partial(management.draw_model, arguments.model, context.sessions, look)
        if arguments.plot == NETWORK
        else partial(plots.draw_plot, arguments.model, arguments.plot, context.sessions, look)
    )
    png = await to_thread.run_sync(lambda: to_png(draw(), arguments.width), limiter=context.drawing)
    return Picture(png)


def change_model(arguments: ChangeModelArguments, context: ToolContext, _: ProgressReporter) -> ModelReport:
    """Rename or tag a model, or let an alias such as `production` refer to it."""
    patch = ModelPatch.model_validate(arguments.model_dump(exclude_unset=True, exclude={"model"}))
    with context.sessions.read() as session:
        model_id = TrainedModels(session).get(arguments.model).id
    out = management.change_model(model_id, patch, context.sessions)
    context.serving.directory.clear()
    report: ModelReport = ModelReport.model_validate(out)
    return report


def compare_models(arguments: CompareArguments, context: ToolContext, _: ProgressReporter) -> CompareOut:
    """Metrics and formulas of models of the same target side by side, with warnings about differences."""
    return comparison.compare_models(arguments.models, context.sessions)


def list_models(arguments: ListModelsArguments, context: ToolContext, _: ProgressReporter) -> ModelEntries:
    """Trained models with their errors, newest first."""
    with context.sessions.read() as session:
        models = TrainedModels(session)
        rows = models.page(limit=arguments.limit, after=arguments.after, name=arguments.name)
        items = [ModelEntry.model_validate(ModelOut.from_row(row, [])) for row in rows[: arguments.limit]]
    return ModelEntries(items=items, has_more=len(rows) > arguments.limit)


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
        title="Read the activations",
        run=read_edges,
        arguments=EdgesArguments,
        result=EdgesReport,
        scopes=(Scope.READ,),
        is_read_only=True,
    ),
    Tool(
        title="Export a model",
        run=export_model,
        arguments=ExportArguments,
        result=None,
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
        title="Propose rows to measure",
        run=propose_rows,
        arguments=NextRowsArguments,
        result=NextRowsOut,
        scopes=(Scope.READ,),
        is_read_only=True,
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
        title="Change a model",
        run=change_model,
        arguments=ChangeModelArguments,
        result=ModelReport,
        scopes=(Scope.TRAIN,),
    ),
    Tool(
        title="Compare models",
        run=compare_models,
        arguments=CompareArguments,
        result=CompareOut,
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
