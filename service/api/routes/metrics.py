"""Route of the metrics for Prometheus."""

from typing import Annotated

from fastapi import APIRouter, Header, Response

from service.api.http.dependencies import ADMIN, Metered, StrictRoute, Who
from service.caller import OWN
from service.errors import Forbidden

router = APIRouter(tags=["operations"], route_class=StrictRoute)


@router.get(
    "/metrics",
    dependencies=[ADMIN],
    summary="Numbers for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
def get_metrics(meters: Metered, who: Who, accept: Annotated[str, Header()] = "") -> Response:
    """The metrics cover all tenants, so they need an `admin` key of the tenant `default`, the operator's."""
    if who.tenant != OWN:
        detail = f"these metrics cover all tenants; they need an admin key of the tenant {OWN!r}"
        raise Forbidden("not_the_operator", detail)
    content, media_type = meters.tell(accept)
    return Response(content, headers={"Content-Type": media_type})
