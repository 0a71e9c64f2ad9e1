"""Additive formulas of the log-odds of a classifier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from kan_engine.data.labelled_rows import LabelledRows
from kan_engine.data.scaling import Standardizer
from kan_engine.network.kan import KAN
from kan_engine.search.context import (
    SearchContext,
    add_shorter_formulas,
    extract_law,
    sample_search_rows,
    to_sample,
)
from kan_engine.structure.search import fit_additive_structure
from kan_engine.symbolic.extraction import Formula


def find_log_odds_formulas(network: KAN, inputs: Standardizer, run: SearchContext) -> list[list[Formula]]:
    """Additive formulas of a classifier's log-odds, from small networks fitted to them."""
    if not run.config.symbolic or run.should_stop():
        return []
    most = run.thresholds.max_log_odds
    logits = [compute_bounded_logits(network, inputs, part, most) for part in sample_search_rows(run)]
    run, _ = run.select_columns()
    parts, formulas = sample_search_rows(run), []
    for output in range(run.data.output_count):
        if run.should_stop():
            return []
        run.report("symbolic", 0.88, "extracting a formula of the log-odds")
        fit, validation = (
            to_sample(replace(part, y=values[:, output]), run.inputs)
            for part, values in zip(parts, logits, strict=True)
        )
        structure = fit_additive_structure(
            fit,
            validation,
            run.make_generator(),
            run.should_stop,
            thresholds=run.thresholds.structure,
        )
        law = add_shorter_formulas(extract_law(structure, fit, validation, run), fit, validation, run)
        formulas.append(law.formulas)
    return formulas


def compute_bounded_logits(network: KAN, inputs: Standardizer, part: LabelledRows, most: float) -> np.ndarray:
    """Logits of a classifier for these rows, clamped to ``±most`` [n, outputs]."""
    with torch.no_grad():
        logits = network(torch.from_numpy(inputs.forward(part.x)))
    bounded: np.ndarray = logits.clamp(-most, most).numpy()
    return bounded
