"""The engine is a library of its own: it needs nothing of the service, and loads little before it is used."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
SERVICES = ["fastapi", "starlette", "sqlalchemy", "celery", "redis", "pydantic", "polars"]


def run(code: str) -> str:
    """What the code prints, in a process in which no package of a service can be imported."""
    block = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {SERVICES}:
            raise ImportError(f"{{name}} is not installed")

sys.meta_path.insert(0, Blocked())
"""
    found = subprocess.run(
        [sys.executable, "-c", block + code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return found.stdout.strip()


def test_a_formula_is_found_where_no_package_of_the_service_is_installed() -> None:
    told = run(
        """
import numpy as np
from kan_engine import KANRegressor
x = np.random.default_rng(0).uniform(0.5, 3.0, (60, 1))
found = KANRegressor().fit(x, 3 * np.log(x[:, 0]))
print(found.formula_, float(found.predict([[1.0]])[0]))
"""
    )
    assert told == "3*log(x0) 0.0"


def test_the_import_alone_loads_neither_torch_nor_numpy_and_names_what_is_public() -> None:
    told = json.loads(
        run(
            """
import json
import kan_engine
loaded = sorted({"torch", "numpy", "sympy", "sklearn", "scipy"} & set(sys.modules))
print(json.dumps([loaded, dir(kan_engine)]))
"""
        )
    )
    assert told[0] == []
    assert {"KANRegressor", "KANClassifier", "KANDensity", "KAN", "find_model", "solve"} <= set(told[1])
