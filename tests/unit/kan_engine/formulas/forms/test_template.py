"""Forms that clients write: what they mean, and what is refused at which character."""

import pytest

from kan_engine.expressions.nodes import parametrize_floats
from kan_engine.expressions.printing.infix import to_text
from kan_engine.formulas.forms.template import ConstantLimits, InvalidForm, UnknownFunction, parse_form

pytestmark = pytest.mark.usefixtures("shapes_unchecked")  # nothing here has a shape


def test_names_that_are_no_columns_are_constants() -> None:
    form = parse_form("a*exp(-b*t) + c", ["t"])
    assert form.constants == ("a", "b", "c")
    assert form.columns == ("t",)


def test_e_is_a_constant_and_pi_is_a_number() -> None:
    assert parse_form("A*exp(-E/T) + pi", ["T"]).constants == ("A", "E")


def test_a_name_before_a_bracket_is_an_unknown_function_of_columns() -> None:
    form = parse_form("a*f(x) + g(y, z)", ["x", "y", "z"])
    assert form.functions == (UnknownFunction("f", ("x",)), UnknownFunction("g", ("y", "z")))
    assert form.columns == ("x", "y", "z")


def test_a_column_that_is_no_identifier_is_written_in_backticks() -> None:
    assert parse_form("a*`length (m)` + b", ["length (m)"]).columns == ("length (m)",)


def test_the_target_may_stand_before_an_equals_sign() -> None:
    assert parse_form("y = a*x", ["x"], target="y").constants == ("a",)


def test_a_constant_with_a_value_and_a_decimal_are_exact_numbers() -> None:
    form = parse_form("a*x + g*x**2 + 0.25", ["x"], {"g": ConstantLimits(value=9.81)})
    assert form.constants == ("a",)
    assert "9.81*x**2" in to_text(form.tree)
    assert form.held == {"g": 9.81}
    assert parametrize_floats(form.tree)[1] == []


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("a*x + ", 6, "the end"),
        ("a*`q`", 3, "there is no column 'q'"),
        ("x(a)", 0, "is a column"),
        ("a*y", 2, "is the target"),
        ("sin*x", 0, "is a function"),
        ("f(x) + f(z)", 7, "other arguments"),
        ("f(2*x)", 2, "takes columns"),
        ("a + b", 0, "uses no column"),
        ("a*x.real", 3, "'.' is not part"),
        ("__import__('os')", 11, "is not part"),
    ],
)
def test_other_text_is_refused_at_its_character(text: str, place: int, words: str) -> None:
    with pytest.raises(InvalidForm, match=words) as refused:
        parse_form(text, ["x", "z"], target="y")
    assert refused.value.place == place


def test_limits_of_no_constant_are_refused() -> None:
    with pytest.raises(InvalidForm, match="no constant 'q'") as refused:
        parse_form("a*x", ["x"], {"q": ConstantLimits(min=0)})
    assert refused.value.constant == "q"


@pytest.mark.parametrize("limits", [{"min": 1, "max": 1}, {"min": 0, "value": 1}])
def test_limits_that_exclude_each_other_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(InvalidForm):
        ConstantLimits(**limits)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("a*L_m*Q_mL_min/d_mm^4", "a*`L [m]`*`Q [mL/min]`/`d, mm`**4"),
        ("a*L·Q/d**4", "a*`L [m]`*`Q [mL/min]`/`d, mm`**4"),
        ("dp_mPa = a*L", "a*`L [m]`"),
        ("a*I − S*x_2", "a*I - `S`*`2`"),
        ("a*beta^lambda_ + E", "a*beta**`lambda` + E"),
        ("sin_*sin(pi_) + a*pi", "`sin`*sin(`pi`) + a*pi"),
        ("a*flow_rate + a_b_", "a*`flow rate (m/s)` + `a-b`"),
        ("π*तापमान + e", "pi*तापमान + e"),
    ],
)
def test_what_is_printed_is_read(text: str, meant: str) -> None:
    columns = ["L [m]", "Q [mL/min]", "d, mm", "I", "S", "2", "beta", "lambda", "sin", "pi"]
    columns += ["flow rate (m/s)", "a b", "a-b", "तापमान"]
    assert parse_form(text, columns, target="dp [mPa]").tree == parse_form(meant, columns).tree


def test_a_name_that_several_columns_have_without_their_units_is_refused() -> None:
    columns = ["t (s)", "t (h)"]
    with pytest.raises(
        InvalidForm, match=r"t may be several columns; write `t \(s\)` or `t \(h\)`"
    ) as refused:
        parse_form("a*t", columns)
    assert refused.value.place == 2
    assert parse_form("a*t_h", columns).columns == ("t (h)",)


def test_a_name_with_limits_is_a_constant() -> None:
    form = parse_form("a*x + b", ["x", "b [m]"], {"b": ConstantLimits(min=0)})
    assert (form.constants, form.columns) == (("a", "b"), ("x",))


def test_a_form_without_constants_is_taken_as_it_is() -> None:
    form = parse_form("4.905*t**2", ["t"])
    assert (form.constants, form.functions) == ((), ())
