"""What formulas are printed in, what models are exported as, and how equations look in print."""

from fastapi import APIRouter

from kan_engine.expressions.printing.languages import LANGUAGES
from service.api.http.dependencies import READ, StrictRoute
from service.operations.jobs import equation_checks
from service.operations.models.model_formats import MODEL_FORMATS
from service.schemas.equations import TypesetOut, TypesetRequest
from service.schemas.formulas import FormatsOut, LanguageOut, ModelFormatOut

router = APIRouter(tags=["models"], route_class=StrictRoute)


@router.get("/formats", dependencies=[READ], summary="The formats of formulas and of models")
def list_formats() -> FormatsOut:
    """The values of `format` of `/models/{model_id}/symbolic` and of `/models/{model_id}/export`."""
    return FormatsOut(
        formulas=[LanguageOut(name=language.name, title=language.title) for language in LANGUAGES.values()],
        models=[
            ModelFormatOut(name=entry.name, title=entry.title, about=entry.about, ending=entry.ending)
            for entry in MODEL_FORMATS.values()
        ],
    )


@router.post("/formats/equations", dependencies=[READ], summary="Equations as they are printed")
def typeset(request: TypesetRequest) -> TypesetOut:
    """Each line as LaTeX and MathML, or what is wrong in it and at which character. Nothing is solved.

    Names are refused as a job would refuse them.
    """
    return equation_checks.typeset(request)
