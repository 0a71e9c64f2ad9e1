"""Datasets: typed tables of clients."""

from collections.abc import Sequence

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from service.db.repositories.job_queries import UNFINISHED
from service.db.repositories.lists import ALL, ListFilter, select_page
from service.db.session import LOCK_FOR_CHANGE
from service.db.tables import Dataset, Job
from service.errors import NotFound


class Datasets:
    """Reads and writes datasets in the caller's transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, dataset: Dataset) -> Dataset:
        """Store a new dataset."""
        self._session.add(dataset)
        self._session.flush()
        return dataset

    def get(self, dataset_id: str) -> Dataset:
        """The dataset with this id.

        Raises:
            NotFound: There is none.
        """
        return _require(self._session.get(Dataset, dataset_id), dataset_id)

    def hold(self, dataset_id: str) -> Dataset:
        """The dataset, which nobody can delete until this transaction ends.

        For a transaction that is about to refer to it: otherwise a concurrent deletion would leave a job
        without its data.
        """
        return _require(self._session.get(Dataset, dataset_id, with_for_update={"read": True}), dataset_id)

    def hold_exclusively(self, dataset_id: str) -> Dataset:
        """The dataset, for its deletion: nobody can delete or refer to it until this transaction ends.

        Raises:
            NotFound: There is none.
        """
        return _require(self._session.get(Dataset, dataset_id, with_for_update=LOCK_FOR_CHANGE), dataset_id)

    def page(
        self, filters: ListFilter = ALL, *, limit: int, after: str | None = None, name: str | None = None
    ) -> Sequence[Dataset]:
        """Up to ``limit + 1`` datasets that come after this id in the list; see ``select_page``.

        A search looks into their names, those of their columns, and their tags.
        """
        query = select(Dataset)
        return select_page(
            self._session,
            query if name is None else query.where(Dataset.name == name),
            Dataset,
            filters,
            tags=Dataset.tags,
            limit=limit,
            after=after,
        )

    def is_in_use(self, dataset_id: str) -> bool:
        """Whether an unfinished job uses it."""
        is_unfinished = Job.status.in_(UNFINISHED)
        return bool(self._session.scalar(select(exists().where(Job.dataset_id == dataset_id, is_unfinished))))

    def delete(self, dataset_id: str) -> Dataset:
        """Delete the dataset's row and return it; the caller has to release its blob."""
        dataset = self.hold_exclusively(dataset_id)
        self._session.delete(dataset)
        self._session.flush()
        return dataset


def _require(dataset: Dataset | None, dataset_id: str) -> Dataset:
    if dataset is None:
        raise NotFound("dataset_not_found", f"there is no dataset {dataset_id!r}; GET /datasets lists them")
    return dataset
