"""What notebooks show of an estimator."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float

from kan_engine.drawing.network_curves import describe_edges
from kan_engine.drawing.network_diagram import draw_network
from kan_engine.drawing.picture import Picture
from kan_engine.drawing.svg import THEMES, ThemeName
from kan_engine.errors import InvalidConfig
from kan_engine.inference.predictor import Predictor


class NotebookDisplay:
    """Shows an estimator in notebooks as ``_repr_html_`` does.

    IPython prefers ``_repr_mimebundle_``, and scikit-learn's shows parameters alone.
    """

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def _repr_html_(self) -> str:
        raise NotImplementedError


def draw_predictor(predictor: Predictor, rows: Float[np.ndarray, "rows inputs"], theme: ThemeName) -> Picture:
    """Draw the network of a predictor, with the curve of every edge over the range of encoded rows.

    Raises:
        InvalidConfig: There is no such theme.
    """
    if theme not in THEMES:
        raise InvalidConfig(f"theme must be one of {', '.join(map(repr, THEMES))}; got {theme!r}")
    edges = describe_edges(
        predictor.network,
        predictor.inputs,
        predictor.encoding,
        rows,
        predictor.output_names,
        scaler=predictor.outputs,
    )
    return Picture(draw_network(edges.to_dict(), theme=THEMES[theme]))
