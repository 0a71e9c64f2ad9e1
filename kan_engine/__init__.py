"""The mathematics of Kolmogorov-Arnold networks: tensors in, tensors and formulas out.

What is not named here is internal. Names are imported when they are first used: a process that
only wants the errors, or a formula, does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kan_engine.agreement import Answers as Answers
    from kan_engine.agreement import answers_of as answers_of
    from kan_engine.agreement import largest_difference as largest_difference
    from kan_engine.artifact import load as load
    from kan_engine.artifact import read_attached as read_attached
    from kan_engine.artifact import read_header as read_header
    from kan_engine.artifact import read_metadata as read_metadata
    from kan_engine.artifact import save as save
    from kan_engine.calibration import calibrate_ as calibrate_
    from kan_engine.calibration import put_into_ as put_into_
    from kan_engine.columns import read_labels as read_labels
    from kan_engine.columns import read_numbers as read_numbers
    from kan_engine.contest import Contest as Contest
    from kan_engine.cost import Workload as Workload
    from kan_engine.cost import affordable_grids as affordable_grids
    from kan_engine.decision import decide as decide
    from kan_engine.decision import f1_threshold as f1_threshold
    from kan_engine.density import Density as Density
    from kan_engine.density import DensityConfig as DensityConfig
    from kan_engine.density import fit_line_density as fit_line_density
    from kan_engine.density import fit_plane_density as fit_plane_density
    from kan_engine.differential import Reached as Reached
    from kan_engine.differential import first_cost as first_cost
    from kan_engine.differential import solve as solve
    from kan_engine.edge_readings import Reading as Reading
    from kan_engine.edges import Axis as Axis
    from kan_engine.edges import Suggestion as Suggestion
    from kan_engine.edges import suggest as suggest
    from kan_engine.elimination import cross_predict as cross_predict
    from kan_engine.elimination import eliminate as eliminate
    from kan_engine.elimination import sharpen as sharpen
    from kan_engine.encoding import Encoding as Encoding
    from kan_engine.equations import Problem as Problem
    from kan_engine.equations import pose as pose
    from kan_engine.errors import ArtifactError as ArtifactError
    from kan_engine.errors import InvalidConfig as InvalidConfig
    from kan_engine.errors import InvalidData as InvalidData
    from kan_engine.errors import InvalidEquation as InvalidEquation
    from kan_engine.errors import KANEngineError as KANEngineError
    from kan_engine.errors import NoSolution as NoSolution
    from kan_engine.errors import NotExportable as NotExportable
    from kan_engine.errors import SymbolicFitFailed as SymbolicFitFailed
    from kan_engine.errors import TrainingDiverged as TrainingDiverged
    from kan_engine.estimation import Measurements as Measurements
    from kan_engine.estimation import estimate as estimate
    from kan_engine.expression import Expression as Expression
    from kan_engine.expression import Variable as Variable
    from kan_engine.expression import complexity as complexity
    from kan_engine.expression import evaluate as evaluate
    from kan_engine.expression import free_constants as free_constants
    from kan_engine.expression import from_json as from_json
    from kan_engine.expression import is_affine as is_affine
    from kan_engine.expression import to_json as to_json
    from kan_engine.expression import value_and_jacobian as value_and_jacobian
    from kan_engine.expression import variables as variables
    from kan_engine.feature import Feature as Feature
    from kan_engine.fit_json import fit_from_json as fit_from_json
    from kan_engine.fit_json import fit_to_json as fit_to_json
    from kan_engine.fixing import fix_ as fix_
    from kan_engine.fixing import on_scale as on_scale
    from kan_engine.fixing import with_inputs as with_inputs
    from kan_engine.fixing import without_inputs as without_inputs
    from kan_engine.formula_predictor import FormulaPredictor as FormulaPredictor
    from kan_engine.forward_selection import clipped_squares as clipped_squares
    from kan_engine.forward_selection import is_no_worse as is_no_worse
    from kan_engine.implicit import implicit_law as implicit_law
    from kan_engine.latex import to_latex as to_latex
    from kan_engine.lbfgs import Minimiser as Minimiser
    from kan_engine.limits import Limits as Limits
    from kan_engine.names import safe_names as safe_names
    from kan_engine.network import KAN as KAN
    from kan_engine.network import KANConfig as KANConfig
    from kan_engine.network import copied as copied
    from kan_engine.one_variable import law_of_one as law_of_one
    from kan_engine.onnx_export import run_onnx as run_onnx
    from kan_engine.onnx_export import to_onnx as to_onnx
    from kan_engine.power_index import index_law as index_law
    from kan_engine.precision import Precision as Precision
    from kan_engine.predictor import Predictor as Predictor
    from kan_engine.printers import to_text as to_text
    from kan_engine.probes import probe_columns as probe_columns
    from kan_engine.pruning import edge_scores as edge_scores
    from kan_engine.python_export import run_formula as run_formula
    from kan_engine.python_export import run_python as run_python
    from kan_engine.python_export import to_python as to_python
    from kan_engine.reach import CROSSED_ROWS as CROSSED_ROWS
    from kan_engine.reach import FOLDS as FOLDS
    from kan_engine.reach import Climb as Climb
    from kan_engine.reach import climbing_time as climbing_time
    from kan_engine.refit import Data as Data
    from kan_engine.refit import Form as Form
    from kan_engine.refit import standard_errors as standard_errors
    from kan_engine.refit import together as together
    from kan_engine.rows import Rows as Rows
    from kan_engine.scaling import Standardizer as Standardizer
    from kan_engine.scaling import TargetScaler as TargetScaler
    from kan_engine.scaling import bounded as bounded
    from kan_engine.selection import FEW_ROWS as FEW_ROWS
    from kan_engine.selection import Inputs as Inputs
    from kan_engine.selection import Trained as Trained
    from kan_engine.selection import Trial as Trial
    from kan_engine.selection import cross_validate as cross_validate
    from kan_engine.selection import given_trials as given_trials
    from kan_engine.selection import prune_trained as prune_trained
    from kan_engine.selection import run_trial as run_trial
    from kan_engine.selection import train_on_all as train_on_all
    from kan_engine.separation import network_of as network_of
    from kan_engine.separation import standardizer_of as standardizer_of
    from kan_engine.solution import Estimate as Estimate
    from kan_engine.solution import Solution as Solution
    from kan_engine.solution_laws import find_laws as find_laws
    from kan_engine.solution_network import Follower as Follower
    from kan_engine.solution_network import follow as follow
    from kan_engine.sparse_additive import Additive as Additive
    from kan_engine.sparse_additive import additive_forms as additive_forms
    from kan_engine.sparse_additive import columns_that_matter as columns_that_matter
    from kan_engine.sparse_additive import constant_form as constant_form
    from kan_engine.sparse_additive import cross_losses as cross_losses
    from kan_engine.spline import robust_range as robust_range
    from kan_engine.start import AUTO_STARTS as AUTO_STARTS
    from kan_engine.straight import linear_formula as linear_formula
    from kan_engine.straight import straight_network as straight_network
    from kan_engine.structure import Fit as Fit
    from kan_engine.structure import Sample as Sample
    from kan_engine.structure import additive as additive
    from kan_engine.structure import search as search
    from kan_engine.support import possible_ends as possible_ends
    from kan_engine.surrogate import Surrogate as Surrogate
    from kan_engine.symbolic import Formula as Formula
    from kan_engine.symbolic import read_formulas as read_formulas
    from kan_engine.symbolic import shorter_formulas as shorter_formulas
    from kan_engine.symmetry import Reduction as Reduction
    from kan_engine.symmetry import reduction as reduction
    from kan_engine.training import Step as Step
    from kan_engine.training import Training as Training
    from kan_engine.training import train as train
    from kan_engine.training_config import TrainingConfig as TrainingConfig
    from kan_engine.tuning import Task as Task
    from kan_engine.tuning import changes as changes
    from kan_engine.tuning import climbing_seconds as climbing_seconds
    from kan_engine.tuning import final_trial as final_trial
    from kan_engine.tuning import first_trial as first_trial
    from kan_engine.tuning import fixed_trials as fixed_trials
    from kan_engine.tuning import is_freer as is_freer
    from kan_engine.tuning import is_within_reach as is_within_reach
    from kan_engine.wanted_shape import WantedShape as WantedShape

_HOME = {
    "Measurements": "estimation",
    "estimate": "estimation",
    "Reached": "differential",
    "Problem": "equations",
    "pose": "equations",
    "first_cost": "differential",
    "solve": "differential",
    "Estimate": "solution",
    "Solution": "solution",
    "find_laws": "solution_laws",
    "Follower": "solution_network",
    "follow": "solution_network",
    "WantedShape": "wanted_shape",
    "network_of": "separation",
    "standardizer_of": "separation",
    "InvalidEquation": "errors",
    "NoSolution": "errors",
    "fit_from_json": "fit_json",
    "fit_to_json": "fit_json",
    "Answers": "agreement",
    "answers_of": "agreement",
    "largest_difference": "agreement",
    "load": "artifact",
    "read_header": "artifact",
    "read_metadata": "artifact",
    "save": "artifact",
    "read_attached": "artifact",
    "calibrate_": "calibration",
    "put_into_": "calibration",
    "read_labels": "columns",
    "read_numbers": "columns",
    "Contest": "contest",
    "Workload": "cost",
    "affordable_grids": "cost",
    "decide": "decision",
    "f1_threshold": "decision",
    "Density": "density",
    "DensityConfig": "density",
    "fit_line_density": "density",
    "fit_plane_density": "density",
    "Reading": "edge_readings",
    "Axis": "edges",
    "Suggestion": "edges",
    "suggest": "edges",
    "cross_predict": "elimination",
    "eliminate": "elimination",
    "sharpen": "elimination",
    "Encoding": "encoding",
    "Feature": "feature",
    "ArtifactError": "errors",
    "InvalidConfig": "errors",
    "InvalidData": "errors",
    "KANEngineError": "errors",
    "SymbolicFitFailed": "errors",
    "TrainingDiverged": "errors",
    "NotExportable": "errors",
    "Expression": "expression",
    "Variable": "expression",
    "complexity": "expression",
    "evaluate": "expression",
    "free_constants": "expression",
    "from_json": "expression",
    "is_affine": "expression",
    "to_json": "expression",
    "variables": "expression",
    "value_and_jacobian": "expression",
    "fix_": "fixing",
    "on_scale": "fixing",
    "with_inputs": "fixing",
    "without_inputs": "fixing",
    "FormulaPredictor": "formula_predictor",
    "clipped_squares": "forward_selection",
    "is_no_worse": "forward_selection",
    "implicit_law": "implicit",
    "to_latex": "latex",
    "Minimiser": "lbfgs",
    "Limits": "limits",
    "safe_names": "names",
    "KAN": "network",
    "KANConfig": "network",
    "copied": "network",
    "law_of_one": "one_variable",
    "run_onnx": "onnx_export",
    "to_onnx": "onnx_export",
    "index_law": "power_index",
    "Precision": "precision",
    "Predictor": "predictor",
    "to_text": "printers",
    "probe_columns": "probes",
    "edge_scores": "pruning",
    "run_formula": "python_export",
    "run_python": "python_export",
    "to_python": "python_export",
    "CROSSED_ROWS": "reach",
    "Climb": "reach",
    "FOLDS": "reach",
    "climbing_time": "reach",
    "Data": "refit",
    "Form": "refit",
    "standard_errors": "refit",
    "together": "refit",
    "Rows": "rows",
    "Standardizer": "scaling",
    "TargetScaler": "scaling",
    "bounded": "scaling",
    "linear_formula": "straight",
    "straight_network": "straight",
    "FEW_ROWS": "selection",
    "Inputs": "selection",
    "Trained": "selection",
    "Trial": "selection",
    "cross_validate": "selection",
    "given_trials": "selection",
    "prune_trained": "selection",
    "run_trial": "selection",
    "train_on_all": "selection",
    "Additive": "sparse_additive",
    "additive_forms": "sparse_additive",
    "columns_that_matter": "sparse_additive",
    "constant_form": "sparse_additive",
    "cross_losses": "sparse_additive",
    "robust_range": "spline",
    "AUTO_STARTS": "start",
    "Fit": "structure",
    "Sample": "structure",
    "additive": "structure",
    "search": "structure",
    "possible_ends": "support",
    "Surrogate": "surrogate",
    "Formula": "symbolic",
    "read_formulas": "symbolic",
    "shorter_formulas": "symbolic",
    "Reduction": "symmetry",
    "reduction": "symmetry",
    "Step": "training",
    "Training": "training",
    "train": "training",
    "TrainingConfig": "training_config",
    "Task": "tuning",
    "changes": "tuning",
    "climbing_seconds": "tuning",
    "final_trial": "tuning",
    "first_trial": "tuning",
    "fixed_trials": "tuning",
    "is_freer": "tuning",
    "is_within_reach": "tuning",
}


def __getattr__(name: str) -> Any:
    """Import a public name from its module."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
