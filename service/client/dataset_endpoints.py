"""Methods of the clients for datasets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence

from service.client.arguments import AnyDataset, get_id
from service.client.results import Dataset, Preview
from service.client.table_payloads import File, Table, encode_table, is_file, is_frame, open_table
from service.client.transport import EndpointGroup, Request


class DatasetEndpoints(EndpointGroup):
    """Adding and reading datasets."""

    async def upload(
        self,
        table: File | Table,
        name: str | None = None,
        units: Mapping[str, str] | None = None,
        missing: Mapping[str, Sequence[float | str]] | None = None,
    ) -> Dataset:
        """Add a dataset.

        Args:
            table: A path or an open file; columns as a dict; rows as a list of dicts; or a DataFrame of
                polars or pandas. Files and DataFrames have the highest size limit.
            name: A label; by default the name of the file.
            units: Units by column, as ``m/s^2``, which are displayed and by which formulas are checked.
                By default the name of a column tells its unit, as in ``length (m)``.
            missing: Values that mean missing, by column or under ``*`` for all columns.
        """
        if is_frame(table) or is_file(table):
            fields = {"name": name, "units": json.dumps(units) if units else None}
            fields["missing"] = json.dumps(missing) if missing else None
            form = {field: text for field, text in fields.items() if text is not None}
            with open_table(table) as file:
                request = Request("POST", "/datasets", form=form, files={"file": file})
                return await self._transport.fetch(Dataset, request)
        body = {
            "name": name,
            "units": dict(units or {}),
            "missing": dict(missing or {}),
            **encode_table(table),
        }
        return await self._transport.fetch(Dataset, Request("POST", "/datasets", body=body))

    async def dataset(self, dataset_id: str) -> Dataset:
        """One dataset."""
        return await self._transport.get(Dataset, "datasets", dataset_id)

    def datasets(self) -> AsyncIterator[Dataset]:
        """All datasets, newest first."""
        return self._transport.iterate(Dataset, "datasets")

    async def preview(self, dataset: AnyDataset, limit: int = 20) -> Preview:
        """The first rows of a dataset as parsed."""
        return await self._transport.get(Preview, "datasets", get_id(dataset), "preview", limit=limit)
