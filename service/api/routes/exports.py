"""Routes that export and import models as files."""

import tempfile
from functools import partial
from typing import Annotated, BinaryIO, cast

from fastapi import APIRouter, Query, Request, Response
from starlette.concurrency import run_in_threadpool

from service.api.http.choices import choose_from
from service.api.http.dependencies import (
    READ,
    TRAIN,
    Config,
    Directory,
    Limits,
    Parsing,
    Predictors,
    Sessions,
    StrictRoute,
    VersionedPath,
    media_type,
)
from service.api.http.downloads import make_download_response
from service.api.http.uploads import MODEL_FIELDS, receive_upload, validate_body
from service.api.openapi.document import describe_file, describe_upload
from service.api.routes.models import Reference
from service.db.tables import Model
from service.errors import UnsupportedMedia
from service.operations.entity_tags import entity_tag
from service.operations.models import exports, imports
from service.operations.models.model_formats import MODEL_FORMATS
from service.schemas.common import ModelName
from service.schemas.models import ImportFields, ModelOut
from service.settings import Settings

DIFFERENCE_HEADER, MEMBERS_HEADER = "X-Max-Difference", "X-Members"
RAW_MEDIA_TYPE = "application/octet-stream"
IMPORT_BODIES = describe_upload(
    "A model that was exported with `format=safetensors`.",
    {"name": "Name of the model; by default the name in the file."},
    **{RAW_MEDIA_TYPE: {"type": "string", "format": "binary"}},
)

router = APIRouter(tags=["models"], route_class=StrictRoute)


@router.get(
    "/models/{model_id}/export",
    dependencies=[READ],
    summary="The model as a file",
    response_class=Response,
    responses={
        200: {
            **describe_file(RAW_MEDIA_TYPE, "text/x-python"),
            "headers": {
                DIFFERENCE_HEADER: {
                    "schema": {"type": "number"},
                    "description": "The largest difference between a prediction of the file and of the "
                    "model, relative to the prediction, 1 or the median prediction, whichever is largest.",
                },
                MEMBERS_HEADER: {
                    "schema": {"type": "string"},
                    "description": "Members of the model in the file: `accurate`, or `accurate, formula`.",
                },
            },
        }
    },
)
def export_model(
    model_id: Reference,
    sessions: Sessions,
    predictors: Predictors,
    format: Annotated[
        str,
        *choose_from(MODEL_FORMATS),
        Query(
            description="`safetensors`: tensors and JSON with all members, for `POST /models/import`. "
            "`onnx`: the network as a graph in float64, from columns to predictions. `python`: the network "
            "as a file that needs only NumPy, together with the formula if that is exact."
        ),
    ] = "safetensors",
) -> Response:
    """The file is first checked: its predictions over the range of the inputs must match the model's."""
    export = exports.export_model(model_id, format, sessions, predictors)
    return make_download_response(
        [export.data],
        name=export.filename,
        size=len(export.data),
        sha256=export.sha256,
        media_type=export.media_type,
        headers={DIFFERENCE_HEADER: f"{export.difference:.3g}", MEMBERS_HEADER: ", ".join(export.members)},
    )


@router.post(
    "/models/import",
    dependencies=[TRAIN],
    status_code=201,
    response_model=ModelOut,
    openapi_extra=IMPORT_BODIES,
    summary="Add a model from a file",
)
async def import_model(
    *,
    request: Request,
    response: Response,
    sessions: Sessions,
    settings: Config,
    parsing: Parsing,
    limits: Limits,
    here: VersionedPath,
    directory: Directory,
    name: Annotated[
        ModelName | None, Query(description="Name for a raw body; by default the name in the file.")
    ] = None,
) -> ModelOut:
    """Send an exported `safetensors` file: as multipart form, or as raw body.

    The model becomes the next version of its name. Its predictions equal those of the original bit for bit.
    """
    content_type = request.headers.get("content-type", "")
    if media_type(content_type) == "multipart/form-data":
        async with receive_upload(request, settings.data_dir, MODEL_FIELDS, limits) as form:
            model_name = validate_body(ImportFields, form.fields, source="form").name or name
            keep = partial(
                _import_file, form.file, form.filename, model_name, sessions=sessions, settings=settings
            )
            async with parsing.hold(sessions.tenant):
                out = await run_in_threadpool(keep)
    elif media_type(content_type) == RAW_MEDIA_TYPE:
        with tempfile.TemporaryFile(dir=settings.data_dir) as file:
            async for chunk in request.stream():
                await run_in_threadpool(file.write, chunk)
            file.seek(0)
            body = cast("BinaryIO", file)
            keep = partial(_import_file, body, None, name, sessions=sessions, settings=settings)
            async with parsing.hold(sessions.tenant):
                out = await run_in_threadpool(keep)
    else:
        raise UnsupportedMedia(
            "unsupported_media_type",
            f"got {content_type or 'no Content-Type'!r}; send multipart/form-data or {RAW_MEDIA_TYPE}",
        )
    directory.clear()
    response.headers["Location"] = here(f"/models/{out.id}")
    response.headers["ETag"] = entity_tag(out)
    return out


def _import_file(
    file: BinaryIO, filename: str | None, name: str | None, *, sessions: Sessions, settings: Settings
) -> ModelOut:
    model: Model = imports.import_model(file, filename, name=name, sessions=sessions, settings=settings)
    return ModelOut.from_row(model, [])
