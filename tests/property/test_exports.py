"""Exports agree with the model, whatever it is: onnxruntime and the Python file give what it gives."""

from dataclasses import dataclass, replace

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kan_engine.data.encoding import Encoding
from kan_engine.data.labels import Label
from kan_engine.data.scaling import Standardizer, TargetScaler
from kan_engine.data.transforms import TRANSFORMS
from kan_engine.export.onnx.export import run_onnx, to_onnx
from kan_engine.export.probe_rows import probe_columns
from kan_engine.export.python.export import run_python, to_python
from kan_engine.export.verification import largest_difference, predict_rows
from kan_engine.inference.predictor import Predictor
from tests.support.engine.network_cases import CASES, LINE, Case, network_of
from tests.support.runtimes import run_in_onnxruntime

NAMES = st.sampled_from(["x", "value", "label", "kan1", '"); import os #', "größe", "a\nb", "'''", '"""\\'])
CLASSES: list[tuple[Label, ...] | None] = [None, None, (False, True), ("no", "yes"), (1, 2, 3), (0.5, 1, "a")]


@dataclass(frozen=True)
class Columns:
    """What a client's table is like."""

    kinds: dict[str, tuple[str, bool]]  # type, and whether values are missing
    quantile: bool
    transform: str
    classes: tuple[Label, ...] | None
    weights: bool


KINDS = st.tuples(st.sampled_from(["number", "number", "boolean", "category", "text"]), st.booleans())
COLUMNS = st.builds(
    Columns,
    kinds=st.dictionaries(NAMES, KINDS, min_size=1, max_size=4),
    quantile=st.booleans(),
    transform=st.sampled_from(["identity", *TRANSFORMS]),
    classes=st.sampled_from(CLASSES),
    weights=st.booleans(),
)


def values_of(kind: str, has_missing: bool, rng: np.random.Generator) -> np.ndarray:
    values = np.empty(60, dtype=object)
    values[:] = {
        "number": lambda: rng.lognormal(size=60).round(3).tolist(),
        "boolean": lambda: [bool(value) for value in rng.integers(0, 2, 60)],
        "category": lambda: [("red", "green", "", "missing")[place] for place in rng.integers(0, 4, 60)],
        "text": lambda: [str(place) for place in rng.integers(0, 30, 60)],  # more than have columns
    }[kind]()
    values[:3] = [None] * 3 if has_missing else values[:3]
    return values


def predictor_of(case: Case, columns: Columns) -> Predictor:
    """A network of any kind over columns of any kind."""
    rng = np.random.default_rng(case.seed)
    table = {name: values_of(*kind, rng) for name, kind in columns.kinds.items()}
    encoding = Encoding.fit(table, {name: kind for name, (kind, _) in columns.kinds.items()})
    encoded = encoding.transform(table)
    classes = columns.classes
    count = 1 if classes is not None and len(classes) == 2 else len(classes or (1,))
    (_, *hidden, outputs), groups, products = case.shape
    outputs = outputs if classes is None else count
    shape = (encoded.shape[1], *hidden, outputs), groups, products
    scaler = TargetScaler(columns.transform, rng.normal(size=outputs), rng.uniform(0.1, 1, outputs))
    weights = tuple(rng.uniform(0.1, 1, len(classes)).tolist()) if classes and columns.weights else None
    return Predictor(
        encoding=encoding,
        inputs=Standardizer.fit(encoded, quantile=columns.quantile),
        network=network_of(replace(case, shape=shape)),
        outputs=scaler if classes is None else None,
        classes=classes,
        target="y",
        residuals=np.zeros(0),
        decision_weights=weights,
    )


PLAIN = Columns({"x": ("number", False)}, quantile=False, transform="cos", classes=None, weights=False)


@settings(max_examples=10)
@given(CASES, COLUMNS)
@example(LINE, PLAIN)
@example(replace(LINE, dead=1.0), PLAIN)
def test_exports_give_what_the_model_gives(case: Case, columns: Columns) -> None:
    predictor = predictor_of(case, columns)
    rows = probe_columns(predictor.encoding)
    expected = predict_rows(predictor, rows)
    graph = to_onnx(predictor)
    for got in (
        run_in_onnxruntime(graph, predictor, rows),
        run_onnx(graph, predictor, rows),
        run_python(to_python(predictor), rows),
    ):
        assert largest_difference(predictor, expected, got) <= 1e-9
