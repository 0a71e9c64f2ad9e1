"""Methods of the clients for datasets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal, Unpack

from service.client.arguments import AnyDataset, DatasetChanges, ListFilters, encode_filters
from service.client.references import find_dataset, find_dataset_id
from service.client.results import Dataset, Preview, Sample
from service.client.table_payloads import File, Table, encode_table, is_file, is_frame, open_table
from service.client.transport import EndpointGroup, Request, make_path


class DatasetEndpoints(EndpointGroup):
    """Adding and reading datasets."""

    async def upload(
        self,
        table: File | Table,
        name: str | None = None,
        units: Mapping[str, str] | None = None,
        missing: Mapping[str, Sequence[float | str]] | None = None,
        repeated_rows: Literal["keep", "drop"] = "keep",
        swap_day_and_month: Sequence[str] = (),
        encoding: str | None = None,
    ) -> Dataset:
        """Add a dataset.

        Args:
            table: A path or an open file; columns as a dict; rows as a list of dicts; or a DataFrame of
                polars or pandas. Files and DataFrames have the highest size limit.
            name: A label; by default the name of the file.
            units: Units by column, as ``m/s^2``, which are displayed and by which formulas are checked.
                By default the name of a column tells its unit, as in ``length (m)``.
            missing: Values that mean missing, by column or under ``*`` for all columns.
            repeated_rows: ``drop`` leaves out rows that repeat an earlier row.
            swap_day_and_month: Columns of dates whose day and month are exchanged, where their order was
                guessed wrong.
            encoding: Of a text file, as ``cp1251``; it is detected by default.
        """
        drops = {"repeated_rows": "drop"} if repeated_rows == "drop" else {}
        if is_frame(table) or is_file(table):
            fields = {"name": name, "units": json.dumps(units) if units else None}
            fields["missing"] = json.dumps(missing) if missing else None
            fields |= {**drops, "encoding": encoding}
            fields["swap_day_and_month"] = (
                json.dumps(list(swap_day_and_month)) if swap_day_and_month else None
            )
            form = {field: text for field, text in fields.items() if text is not None}
            with open_table(table) as file:
                request = Request("POST", "/datasets", form=form, files={"file": file})
                return await self._transport.fetch(Dataset, request)
        body = {
            "name": name,
            "units": dict(units or {}),
            "missing": dict(missing or {}),
            **drops,
            **({"swap_day_and_month": list(swap_day_and_month)} if swap_day_and_month else {}),
            **encode_table(table),
        }
        return await self._transport.fetch(Dataset, Request("POST", "/datasets", body=body))

    async def dataset(self, dataset: str) -> Dataset:
        """A dataset by its id or its name; of several with the name, the newest."""
        return await find_dataset(self._transport, dataset)

    def datasets(self, name: str | None = None, **filters: Unpack[ListFilters]) -> AsyncIterator[Dataset]:
        """All datasets, or those that match every filter, newest first.

        Args:
            name: Only datasets of this name.
            filters: ``search``, a text in a name or in the name of a column; ``tag``, as ``key`` or
                ``key=value``, or several of which all match; ``since`` and ``until``, times of creation;
                ``sort``.
        """
        return self._transport.iterate(Dataset, "datasets", name=name, **encode_filters(filters))

    async def change_dataset(self, /, dataset: AnyDataset, **changes: Unpack[DatasetChanges]) -> Dataset:
        """Rename a dataset, change ``units`` of the named columns, or replace ``types`` or ``tags``."""
        where = make_path("datasets", await find_dataset_id(self._transport, dataset))
        return await self._transport.fetch(Dataset, Request("PATCH", where, body=changes))

    async def preview(self, dataset: AnyDataset, limit: int = 20) -> Preview:
        """The first rows of a dataset as parsed."""
        dataset_id = await find_dataset_id(self._transport, dataset)
        return await self._transport.get(Preview, "datasets", dataset_id, "preview", limit=limit)

    async def sample(self, dataset: AnyDataset, limit: int | None = None) -> Sample:
        """Rows spread evenly over a dataset, with their numbers, as for a chart of it.

        Args:
            limit: At most so many rows, fewer of a table with very many columns; by default 200.
        """
        dataset_id = await find_dataset_id(self._transport, dataset)
        return await self._transport.get(Sample, "datasets", dataset_id, "sample", limit=limit)
