"""Report of the settings: ``kan-service settings`` prints it, API and worker log it at their start."""

import logging
import re
import tomllib
from dataclasses import dataclass
from importlib.resources import files

from pydantic_core import PydanticUndefined

from service.settings import PREFIX, SECRETS, Settings

log = logging.getLogger(__name__)

# Up to the last @, which masks a password with an unescaped @ as well
URL_PASSWORD = re.compile(r"(://[^:@]*:).*@")
SECRET_PARAMETER = re.compile(r"([?&][^=&]*(?:pass|secret|token|key)[^=&]*=)[^&]*", re.IGNORECASE)
MASK = r"\1***"
COLUMNS = {
    "en": ("variable", "default", "what it is"),
    "ru": ("переменная", "по умолчанию", "что это"),
}


@dataclass(frozen=True)
class ReportedSetting:
    """A setting whose value contains no secret.

    Attributes:
        variable: The environment variable that sets it.
        is_default: Whether the variable is not set.
    """

    variable: str
    value: str
    is_default: bool
    description: str

    def __str__(self) -> str:
        """A line of an environment file."""
        return f"{self.variable}={self.value}  # {'default; ' if self.is_default else ''}{self.description}"


def report_settings(settings: Settings) -> list[ReportedSetting]:
    """All settings in the order of their definition, passwords masked."""
    return [
        ReportedSetting(
            variable=f"{PREFIX}{name.upper()}",
            value=_mask_secret(name, getattr(settings, name)),
            is_default=name not in settings.model_fields_set,
            description=field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def render_settings(language: str = "en") -> str:
    """All settings with their defaults as a Markdown table."""
    words = read_descriptions(language)
    lines = [f"| {' | '.join(COLUMNS[language])} |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = "" if field.default is PydanticUndefined else str(field.default)
        default_text = f"`{default}`" if default else "—"
        lines.append(f"| `{PREFIX}{name.upper()}` | {default_text} | {words[name]} |")
    return "\n".join(lines)


def read_descriptions(language: str) -> dict[str, str]:
    """Description of every setting in a language of the guide."""
    if language == "en":
        return {name: field.description or "" for name, field in Settings.model_fields.items()}
    source = files("service").joinpath("guide", language, "settings.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(source))


def log_settings(settings: Settings) -> None:
    """Log the settings of this process, passwords masked."""
    log.info("settings", extra={setting.variable: setting.value for setting in report_settings(settings)})


def _mask_secret(name: str, value: object) -> str:
    if name not in SECRETS:
        return str(value)
    return SECRET_PARAMETER.sub(MASK, URL_PASSWORD.sub(rf"{MASK}@", str(value)))
