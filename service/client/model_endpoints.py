"""Methods of the clients for models: prediction, formulas, pictures, files, versions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Unpack

from service.client.arguments import (
    AnyDataset,
    AnyModel,
    ListFilters,
    ModelChanges,
    encode_filters,
    get_id,
)
from service.client.references import find_dataset_id
from service.client.results import (
    Alias,
    AliasMove,
    Card,
    Comparison,
    Dataset,
    Edges,
    Evaluation,
    Figures,
    Formats,
    Job,
    Model,
    ModelRows,
    NextRows,
    Predictions,
    Symbolic,
    TypesetEquations,
)
from service.client.table_payloads import File, Table, encode_table, open_table
from service.client.transport import EndpointGroup, Request, make_get_request, make_path
from service.schemas.figures import LanguageName, ThemeName
from service.schemas.members import MemberChoice
from service.schemas.models import ModelTask, NetworkChoice
from service.schemas.registry import AliasPage


class ModelEndpoints(EndpointGroup):
    """Reading models, predicting with them, and managing their versions."""

    async def model(self, model: str) -> Model:
        """A model by its id, its name, or ``name@alias``."""
        return await self._transport.get(Model, "models", model)

    async def models(
        self,
        name: str | None = None,
        *,
        dataset: AnyDataset | None = None,
        target: str | None = None,
        task: ModelTask | None = None,
        previews: bool = False,
        **filters: Unpack[ListFilters],
    ) -> AsyncIterator[Model]:
        """All models, or those that match every filter, newest first.

        Args:
            name: Only the versions of this name.
            dataset: The dataset on which a model was trained.
            target: The column that a model predicts.
            task: What a model was trained for.
            previews: Whether to list the models of trainings that still run, too.
            filters: As for ``datasets``; ``search`` is a text in a name, a target or a tag.
        """
        query = encode_filters(filters) | {"name": name, "target": target, "task": task}
        if previews:
            query["previews"] = "true"
        if dataset is not None:
            query["dataset"] = await find_dataset_id(self._transport, dataset)
        async for model in self._transport.iterate(Model, "models", **query):
            yield model

    async def predict(
        self,
        model: AnyModel,
        rows: Table,
        interval: float | None = None,
        by: MemberChoice = "auto",
        *,
        explain: bool = False,
    ) -> Predictions:
        """Predict for rows as a list of dicts, columns as a dict, or a DataFrame.

        Args:
            interval: Share of true values that the intervals should cover.
            by: The member to predict with: ``accurate``, ``compact`` or ``formula``; ``auto`` selects an
                exact formula, else the member that serves. ``by`` of the result names the member used.
            explain: Whether to add the contributions of the columns, as ``contributions`` of the result.
        """
        options: dict[str, Any] = {} if by == "auto" else {"by": by}  # older services do not know the fields
        options |= {"explain": True} if explain else {}
        body = {"model": get_id(model), "interval": interval, **options, **encode_table(rows)}
        request = Request("POST", "/predict", body=body, is_repeatable=True)
        return await self._transport.fetch(Predictions, request)

    async def evaluate(
        self, model: AnyModel, rows: Table | Dataset | str, by: MemberChoice = "auto"
    ) -> Evaluation:
        """Measure a model on labelled rows, and compare them with its training; the service keeps the result.

        Args:
            rows: A dataset, its id or name; or rows with the true values of the target, as in ``predict``.
            by: The member to measure.
        """
        if isinstance(rows, Dataset | str):
            table = {"dataset_id": await find_dataset_id(self._transport, rows)}
        else:
            table = encode_table(rows)
        request = Request("POST", make_path("models", get_id(model), "evaluate"), body={**table, "by": by})
        return await self._transport.fetch(Evaluation, request)

    async def next_rows(
        self,
        model: AnyModel,
        count: int = 3,
        *,
        within: Mapping[str, Sequence[Any]] | None = None,
        fixed: Mapping[str, Any] | None = None,
    ) -> NextRows:
        """Rows to measure next, at which the formulas that may be the law differ most against the noise.

        Args:
            count: How many rows.
            within: Lowest and highest value of columns, or some of their categories.
            fixed: Values of columns that every row has.
        """
        body = {"count": count, "within": dict(within or {}), "fixed": dict(fixed or {})}
        request = Request(
            "POST", make_path("models", get_id(model), "next_rows"), body=body, is_repeatable=True
        )
        return await self._transport.fetch(NextRows, request)

    def evaluations(self, model: AnyModel) -> AsyncIterator[Evaluation]:
        """The evaluations of a model, newest first."""
        return self._transport.iterate(Evaluation, "models", get_id(model), "evaluations")

    async def formula(self, model: AnyModel, format: str = "text") -> str:
        """The formula of a model as text in the given format, one line per output."""
        request = make_get_request("models", get_id(model), "symbolic", format=format)
        return (await self._transport.send(request)).text.rstrip("\n")

    async def formats(self) -> Formats:
        """The languages that formulas are printed in, and the file formats of models."""
        return await self._transport.get(Formats, "formats")

    async def typeset(
        self,
        equations: Sequence[str],
        conditions: Sequence[str] = (),
        *,
        independent: Sequence[str],
        unknowns: Sequence[str],
        parameters: Sequence[str] = (),
    ) -> TypesetEquations:
        """Every equation and condition as LaTeX and MathML, or what is wrong in it; nothing is solved.

        Args:
            equations: As in ``solve``.
            conditions: Values on the boundary, such as ``y(0) = 1``.
            independent: Names of the independent variables.
            unknowns: Names of the unknown functions.
            parameters: Names of the unknown numbers.
        """
        body = {
            "equations": list(equations),
            "conditions": list(conditions),
            "independent": list(independent),
            "unknowns": list(unknowns),
            "parameters": list(parameters),
        }
        request = Request("POST", "/formats/equations", body=body, is_repeatable=True)
        return await self._transport.fetch(TypesetEquations, request)

    async def symbolic(self, model: AnyModel) -> Symbolic:
        """The formulas of a model with their errors, domains and alternatives."""
        return await self._transport.get(Symbolic, "models", get_id(model), "symbolic")

    async def edges(self, model: AnyModel, network: NetworkChoice | None = None) -> Edges:
        """Every activation of a model as a curve, with the functions that fit it best.

        Args:
            network: ``served``, ``accurate`` or ``compact``; by default the served one, or the compact one if
                that has many edges.
        """
        request = make_get_request("models", get_id(model), "edges", network=network)
        return await self._transport.fetch(Edges, request)

    async def figures(self, model: AnyModel) -> Figures:
        """The data of the pictures of a model."""
        return await self._transport.get(Figures, "models", get_id(model), "figures")

    async def rows(self, model: AnyModel, limit: int | None = None) -> ModelRows:
        """Inputs and target of a sample of the rows that a model was trained and measured on.

        Args:
            limit: At most so many rows; by default, and at most, 2000.
        """
        request = make_get_request("models", get_id(model), "rows", limit=limit)
        return await self._transport.fetch(ModelRows, request)

    async def plot(
        self,
        model: AnyModel | Job,
        save: str | PathLike[str] | None = None,
        name: str = "network",
        *,
        theme: ThemeName = "light",
        lang: LanguageName = "en",
        width: int | None = None,
        network: NetworkChoice | None = None,
    ) -> str:
        """A picture as SVG.

        Args:
            model: A model; or the job of a study.
            save: File to write the picture to, as PNG if its name ends with ``.png``.
            name: ``network`` or one of ``service.documents.plots.PLOTS``, such as ``parity``; of a study one
                of its ``STUDY_PLOTS``, such as ``error_by_grid``.
            theme: ``light`` or ``dark``.
            lang: Language of the texts and numbers, ``en`` or ``ru``.
            width: Width of a PNG in pixels.
            network: For ``network``, which one to draw, as in ``edges``.
        """
        kind = "jobs" if isinstance(model, Job) else "models"

        def make_request(suffix: str, **parameters: Any) -> Request:
            is_network = name == "network"
            place = ("plot" + suffix,) if is_network else ("plots", name + suffix)
            parameters |= {"network": network} if is_network else {}
            return make_get_request(kind, get_id(model), *place, theme=theme, lang=lang, **parameters)

        picture = await self._transport.send(make_request(".svg"))
        if save is not None and Path(save).suffix.lower() == ".png":
            pixels = await self._transport.send(make_request(".png", width=width))
            Path(save).write_bytes(pixels.content)
        elif save is not None:
            Path(save).write_bytes(picture.content)
        return picture.text

    async def export(self, model: AnyModel, format: str, path: str | PathLike[str]) -> Path:
        """Write a model to a file, for example as ``safetensors``."""
        return await self._transport.download(
            make_get_request("models", get_id(model), "export", format=format), path
        )

    async def import_model(self, file: File, name: str | None = None) -> Model:
        """Add a model from a ``safetensors`` file of ``export``, under its own name or ``name``."""
        with open_table(file) as part:
            form = {} if name is None else {"name": name}
            request = Request("POST", "/models/import", form=form, files={"file": part})
            return await self._transport.fetch(Model, request)

    async def card(self, model: AnyModel) -> Card:
        """The model card: target, inputs, metrics, formula, valid range and training."""
        return await self._transport.get(Card, "models", get_id(model), "card", format="json")

    async def card_text(self, model: AnyModel) -> str:
        """The model card as Markdown."""
        request = make_get_request("models", get_id(model), "card", format="markdown")
        return (await self._transport.send(request)).text

    async def compare(self, *models: AnyModel) -> Comparison:
        """Compare models of one target, with warnings where a difference of metrics may be insignificant."""
        return await self._transport.get(Comparison, "models", "compare", ids=",".join(map(get_id, models)))

    async def aliases(self, name: str) -> list[Alias]:
        """The current model of every alias of a name; ``change`` sets and removes aliases."""
        page = await self._transport.get(AliasPage, "aliases", name=name, limit=1)
        return [Alias.model_validate(alias.model_dump()) for alias in page.aliases]

    def alias_history(self, name: str, alias: str | None = None) -> AsyncIterator[AliasMove]:
        """Changes of the aliases of a name, or of one alias, newest first."""
        return self._transport.iterate(AliasMove, "aliases", name=name, alias=alias)

    async def change(self, /, model: AnyModel, **changes: Unpack[ModelChanges]) -> Model:
        """Rename a model, replace its ``tags``, or set an ``alias``; ``alias=None`` removes its aliases.

        This requires the model or its id: a name may refer to another model by then.
        """
        return await self._transport.fetch(
            Model, Request("PATCH", make_path("models", get_id(model)), body=changes)
        )
