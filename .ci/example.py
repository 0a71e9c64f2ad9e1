"""Train the example of the start page: its table, model, formula and pictures in ``service/web/example``.

Run it with ``make example`` after a change of models, formulas or pictures.
"""

import json
import math
import re
import sys
from itertools import product
from pathlib import Path

import numpy as np

from service.client import Client, Model
from service.demo import run_service
from service.schemas.figures import LanguageName, ThemeName

FOLDER = Path(__file__).parents[1] / "service" / "web" / "example"
TABLE = FOLDER / "reaction-rates.csv"
ROWS = 500
UNITS = {"concentration": "mol/L", "temperature": "K", "rate": "mol/(L s)"}
GAS_CONSTANT = 8.314462618  # J/(mol K)
ENERGY = 50_000  # J/mol
FACTOR = 2.5e6
TIMEOUT_S = 330


def main() -> int:
    """Write the files; 1 if the training does not find the law."""
    FOLDER.mkdir(exist_ok=True)
    TABLE.write_text(_make_table())
    with run_service() as client:
        with TABLE.open("rb") as file:
            dataset = client.upload(file, name=TABLE.stem, units=UNITS)
        job = client.wait(client.submit(dataset, "rate", name="reaction-rate"), TIMEOUT_S)
        model = client.model(str(job.model_id))
        if not client.symbolic(model).exact:
            return 1
        _write_result(client, model)
    return 0


def _make_table() -> str:
    """Reaction rates by the Arrhenius law, so that the formula is known."""
    generator = np.random.default_rng(1)
    concentrations = generator.uniform(0.1, 2, ROWS).round(4).tolist()
    temperatures = generator.uniform(280, 400, ROWS).round(2).tolist()
    lines = [",".join(UNITS)]
    for concentration, temperature in zip(concentrations, temperatures, strict=True):
        rate = FACTOR * concentration**2 * math.exp(-ENERGY / (GAS_CONSTANT * temperature))
        lines.append(f"{concentration},{temperature},{rate}")
    return "\n".join(lines) + "\n"


def _write_result(client: Client, model: Model) -> None:
    client.export(model, "safetensors", FOLDER / "model.safetensors")
    themes: tuple[ThemeName, ...] = ("light", "dark")
    languages: tuple[LanguageName, ...] = ("en", "ru")
    for theme, lang in product(themes, languages):
        client.plot(model, theme=theme, lang=lang, save=FOLDER / f"network-{lang}-{theme}.svg")
    mathml = re.sub(r"\d+\.\d{6,}", lambda found: f"{float(found[0]):.6g}", client.formula(model, "mathml"))
    left = f'<mrow><mi mathvariant="normal">{model.target}</mi><mo>=</mo>'
    mathml = mathml.replace("<mrow>", left, 1)
    told = {"target": model.target, "mathml": mathml, "rows": ROWS}
    (FOLDER / "result.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
