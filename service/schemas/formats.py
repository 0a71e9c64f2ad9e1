"""Schemas of the formats of formulas and models."""

from pydantic import BaseModel, Field


class LanguageOut(BaseModel):
    """A language of formulas."""

    name: str = Field(description="The value of `format`.")
    title: str


class ModelFormatOut(BaseModel):
    """A file format of models."""

    name: str = Field(description="The value of `format`.")
    title: str
    about: str = Field(description="What it is for.")
    ending: str = Field(description="Of file names, without a dot.")


class FormatsOut(BaseModel):
    """All formats."""

    formulas: list[LanguageOut]
    models: list[ModelFormatOut]
