"""Datasets and models by their name."""

import re

from service.client.arguments import AnyDataset, AnyModel, get_id
from service.client.results import Dataset, Model
from service.client.transport import Transport
from service.schemas.common import Page

ID_PATTERN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


async def find_dataset(transport: Transport, reference: str) -> Dataset:
    """The dataset with this id, or the newest one with this name.

    Raises:
        ApiError: There is none.
    """
    if not ID_PATTERN.fullmatch(reference):
        page = await transport.get(Page[Dataset], "datasets", name=reference, limit=1)
        if page.items:
            return page.items[0]
    return await transport.get(Dataset, "datasets", reference)


async def find_dataset_id(transport: Transport, dataset: AnyDataset) -> str:
    """The id of a dataset; text is an id or a name."""
    if not isinstance(dataset, str) or ID_PATTERN.fullmatch(dataset):
        return get_id(dataset)
    return (await find_dataset(transport, dataset)).id


async def find_model_id(transport: Transport, model: AnyModel) -> str:
    """The id of a model; text is an id, a name or ``name@alias``."""
    if not isinstance(model, str) or ID_PATTERN.fullmatch(model):
        return get_id(model)
    return (await transport.get(Model, "models", model)).id
