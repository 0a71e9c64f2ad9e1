"""Trained models: versions of a name, and their aliases."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session, undefer

from service.db.repositories.aliases import Aliases
from service.db.repositories.lists import ALL, ListFilter, select_page
from service.db.session import LOCK_FOR_CHANGE, clock
from service.db.tables import Dataset, Job, Model, ModelAlias
from service.errors import NotFound

DEFAULT_ALIAS = "default"
MAX_VERSION_DIGITS = 10  # beyond any version number, and beyond the range of the column


class TrainedModels:
    """Reads and writes models in the caller's transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(
        self,
        *,
        name: str,
        job_id: str,
        dataset_id: str | None,
        task: str,
        target: str,
        record: dict[str, Any],
        symbolic: dict[str, Any] | None,
        edges: dict[str, Any],
        artifact_sha256: str,
        figures: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None,
    ) -> Model:
        """Store a model as the next version of its name. Values in its JSON that are not finite become null.

        Facts about its dataset are copied, because a model survives its dataset.
        """
        dataset = self._session.get(Dataset, dataset_id) if dataset_id else None
        model = Model(
            name=name,
            version=self._allocate_version(name),
            job_id=job_id,
            dataset_id=dataset_id,
            task=task,
            target=target,
            record=asdict(_describe_dataset(dataset, record, target)) | replace_nonfinite(record),
            symbolic=replace_nonfinite(symbolic),
            edges=replace_nonfinite(edges),
            figures=replace_nonfinite(figures),
            artifact_sha256=artifact_sha256,
            tags=tags or {},
            created_at=clock(self._session),
        )
        self._session.add(model)
        self._session.flush()
        return model

    def get(self, reference: str) -> Model:
        """The model with this id, this name, or ``name@alias``.

        A name refers to its alias ``default`` if that is set, otherwise to its newest version.

        Raises:
            NotFound: There is none.
        """
        model = self._session.get(Model, reference) or self._find_by_reference(reference)
        if model is None:
            raise _make_not_found_error(reference)
        return model

    def find_by_jobs(self, job_ids: Sequence[str]) -> dict[str, Model]:
        """The models that these jobs made, with their formulas, by job id."""
        query = select(Model).where(Model.job_id.in_(job_ids)).options(undefer(Model.symbolic))
        return {model.job_id: model for model in self._session.scalars(query)}

    def get_by_id(self, model_id: str) -> Model:
        """The model with this id; names and aliases are ignored.

        Raises:
            NotFound: There is none.
        """
        model = self._session.get(Model, model_id)
        if model is None:
            raise _make_not_found_error(model_id)
        return model

    def get_version(self, name: str, version: str) -> Model:
        """The model with this name or id, and this version.

        Raises:
            NotFound: There is none.
        """
        number = int(version) if version.isdecimal() and len(version) < MAX_VERSION_DIGITS else 0
        condition = or_(Model.name == name, Model.id == name)
        model = self._session.scalar(select(Model).where(condition, Model.version == number))
        if model is None:
            detail = f"there is no version {version!r} of a model {name!r}; GET /models?name= lists them"
            raise NotFound("model_not_found", detail)
        return model

    def list_versions(self) -> Sequence[tuple[str, int]]:
        """Names and versions of all models, sorted."""
        rows = self._session.execute(select(Model.name, Model.version).order_by(Model.name, Model.version))
        return [(name, version) for name, version in rows]

    def hold(self, model_id: str) -> Model:
        """The model with this id, which nobody else can change or delete until the transaction ends.

        Raises:
            NotFound: There is none.
        """
        model = self._session.get(Model, model_id, with_for_update=LOCK_FOR_CHANGE)
        if model is None:
            match = self._find_by_reference(model_id)
            raise (
                _make_not_found_error(model_id) if match is None else _make_id_required_error(model_id, match)
            )
        return model

    def page(
        self,
        filters: ListFilter = ALL,
        *,
        limit: int,
        after: str | None = None,
        has_previews: bool = True,
        **columns: str | None,
    ) -> Sequence[Model]:
        """Up to ``limit + 1`` models that come after this id in the list; see ``select_page``.

        A search looks into names, targets and tags.

        Args:
            filters: Filters and order.
            limit: Models of a page.
            after: Id of the last model of the page before.
            has_previews: Whether the first models of trainings are in the list.
            columns: Values of columns, None for any: ``name``, ``task``, ``target``, ``dataset_id``.
        """
        query = select(Model)
        for column, value in columns.items():
            query = query if value is None else query.where(getattr(Model, column) == value)
        if not has_previews:
            query = query.where(Model.record["preview_of"].as_string().is_(None))
        models = select_page(
            self._session,
            query,
            Model,
            filters,
            tags=Model.tags,
            limit=limit,
            after=after,
        )
        if older := [model.id for model in models if "members" not in model.record]:
            # Their members follow from their formulas; one query loads all of them.
            formulas = select(Model).where(Model.id.in_(older)).options(undefer(Model.symbolic))
            self._session.scalars(formulas).all()
        return models

    def list_aliases(self, models: Sequence[Model]) -> dict[str, list[str]]:
        """Aliases of these models, sorted, by model id."""
        ids = [model.id for model in models]
        aliases: dict[str, list[str]] = {model_id: [] for model_id in ids}
        query = select(ModelAlias).where(ModelAlias.model_id.in_(ids)).order_by(ModelAlias.alias)
        for row in self._session.scalars(query):
            aliases[row.model_id].append(row.alias)
        return aliases

    def delete_figures(self, dataset_id: str) -> None:
        """Delete the figures of the models that were trained on a dataset: they hold values of its rows."""
        self._session.execute(update(Model).where(Model.dataset_id == dataset_id).values(figures=None))

    def rename(self, model: Model, name: str) -> None:
        """Make a model the next version of another name, and remove its aliases."""
        if name == model.name:
            return
        self.clear_aliases(model)
        model.version = self._allocate_version(name)
        model.name = name
        self._session.flush()

    def set_alias(self, model: Model, alias: str) -> None:
        """Let ``name@alias`` refer to this model instead of any other."""
        self._lock_name(model.name)
        row = self._session.get(ModelAlias, (model.tenant, model.name, alias), with_for_update=True)
        if row is not None and row.model_id == model.id:
            return
        if row is None:
            row = ModelAlias(tenant=model.tenant, name=model.name, alias=alias)
            self._session.add(row)
        row.model_id = model.id
        Aliases(self._session).record_move(model, alias, is_set=True)
        self._session.flush()

    def clear_aliases(self, model: Model) -> None:
        """Remove all aliases of a model."""
        of_model = delete(ModelAlias).where(ModelAlias.model_id == model.id).returning(ModelAlias.alias)
        for alias in sorted(self._session.scalars(of_model)):
            Aliases(self._session).record_move(model, alias, is_set=False)

    def keep_request(self, job: Job) -> None:
        """Before a job is deleted, copy its request to a model of an older version that lacks it."""
        model = self._session.scalar(select(Model).where(Model.job_id == job.id))
        lineage = (model.record.get("lineage") or {}) if model is not None else {}
        if model is not None and "request" not in lineage:
            model.record = model.record | {"lineage": lineage | {"request": job.request}}

    def delete(self, model: Model) -> None:
        """Delete a model's row; the caller has to release its artifact."""
        self.clear_aliases(model)
        self._session.delete(model)
        self._session.flush()

    def _find_by_reference(self, reference: str) -> Model | None:
        name, at, alias = reference.partition("@")
        model = self._session.scalar(
            select(Model)
            .join(ModelAlias, ModelAlias.model_id == Model.id)
            .where(ModelAlias.name == name, ModelAlias.alias == (alias if at else DEFAULT_ALIAS))
        )
        if model is not None or at:
            return model
        newest = select(Model).where(Model.name == name).order_by(Model.version.desc()).limit(1)
        return self._session.scalar(newest)

    def _allocate_version(self, name: str) -> int:
        self._lock_name(name)
        newest = self._session.scalar(select(func.max(Model.version)).where(Model.name == name))
        return (newest or 0) + 1

    def _lock_name(self, name: str) -> None:
        """Make other transactions that number or alias this name wait for the end of this one.

        Without it, two models recorded at once would both become version 2. SQLite has a single writer.
        """
        if self._session.get_bind().dialect.name == "postgresql":
            self._session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(name, 0))))


@dataclass(frozen=True)
class _DatasetFacts:
    """Name, rows and units of the dataset, and its unused columns, which predictions accept."""

    dataset: dict[str, str | int] | None = None
    units: dict[str, str] = field(default_factory=dict)
    ignored_columns: list[str] = field(default_factory=list)


def _describe_dataset(dataset: Dataset | None, record: dict[str, Any], target: str) -> _DatasetFacts:
    if dataset is None:
        return _DatasetFacts()
    read = {target, *(feature["name"] for feature in record.get("features", ()))}
    names = [column["name"] for column in dataset.columns]
    facts: dict[str, str | int] = {"name": dataset.name, "rows": dataset.rows}
    return _DatasetFacts(facts, dict(dataset.units), [name for name in names if name not in read])


def replace_nonfinite(value: Any) -> Any:
    """JSON with null for NaN and infinities, which PostgreSQL refuses and clients cannot parse."""
    if isinstance(value, dict):
        return {key: replace_nonfinite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [replace_nonfinite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _make_id_required_error(reference: str, model: Model) -> NotFound:
    detail = f"a model is changed and deleted by its id; {reference!r} currently refers to {model.id}"
    return NotFound("model_not_found", detail)


def _make_not_found_error(reference: str) -> NotFound:
    return NotFound("model_not_found", f"there is no model {reference!r}; GET /models lists them")
