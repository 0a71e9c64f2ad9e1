"""Route of the metrics for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from service.api.http.dependencies import ADMIN, CurrentCaller, Metrics, StrictRoute
from service.api.openapi.document import describe_file
from service.caller import DEFAULT_TENANT
from service.errors import Forbidden

router = APIRouter(tags=["operations"], route_class=StrictRoute)


@router.get(
    "/metrics",
    dependencies=[ADMIN],
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={200: describe_file("text/plain")},
)
def get_metrics(meters: Metrics, who: CurrentCaller, accept: Annotated[str, Header()] = "") -> Response:
    """The metrics cover all tenants, so they need an `admin` key of the tenant `default`, the operator's."""
    if who.tenant != DEFAULT_TENANT:
        detail = f"these metrics cover all tenants; they need an admin key of the tenant {DEFAULT_TENANT!r}"
        raise Forbidden("not_the_operator", detail)
    content, media_type = meters.render(accept)
    return Response(content, headers={"Content-Type": media_type})
