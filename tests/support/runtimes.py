"""Exports as others run them."""

from collections.abc import Mapping

import numpy as np
from onnxruntime import InferenceSession, SessionOptions

from kan_engine.export.onnx.export import to_tensors
from kan_engine.export.verification import RowPredictions
from kan_engine.inference.predictor import Predictor


def session_of(data: bytes) -> InferenceSession:
    """An exported model in onnxruntime."""
    options = SessionOptions()
    options.intra_op_num_threads = 1
    return InferenceSession(data, options, providers=["CPUExecutionProvider"])


def run_in_onnxruntime(
    data: bytes, predictor: Predictor, columns: Mapping[str, np.ndarray]
) -> RowPredictions:
    """What it says of rows."""
    session, feed = session_of(data), to_tensors(predictor, columns)
    answers = session.run(None, {put.name: feed[put.name] for put in session.get_inputs()})
    if predictor.classes is None:
        return RowPredictions(answers[0].reshape(-1, predictor.network.config.width[-1]))
    return RowPredictions(answers[1], answers[0])
