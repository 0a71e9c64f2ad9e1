"""Numbers for people."""

import pytest

from service.documents.readable_numbers import format_by_error, format_metric, format_share, round_numbers


@pytest.mark.parametrize(
    ("printed", "read"),
    [
        ("x1 + x2**2", "x1 + x2**2"),
        ("0.1*x1", "0.1*x1"),
        ("2.3456789012*sin(pi*x1)", "2.34568*sin(pi*x1)"),
        ("1.234567890123e-12*x", "1.23457e-12*x"),
        ("0.000012345*x", "0.000012345*x"),
        ("x_1.23456789*2", "x_1.23456789*2"),
        ("1/(1+exp(-(0.12345678901234568*x)))", "1/(1+exp(-(0.123457*x)))"),
    ],
)
def test_a_formula_is_shown_with_as_many_digits_as_people_read(printed: str, read: str) -> None:
    assert round_numbers(printed) == read


@pytest.mark.parametrize(
    ("share", "shown"),
    [(-8.086e-5, "-0.0001"), (-8.086e-6, "0.0000"), (0.0, "0.0000"), (0.99996, "1.0000"), (-3.25, "-3.2500")],
)
def test_a_share_has_fixed_decimals_and_no_negative_zero(share: float, shown: str) -> None:
    assert format_share(share) == format_metric("r2", share) == shown


def test_other_metrics_have_significant_digits() -> None:
    assert format_metric("rmse", 8.08612e-5) == "8.086e-05"
    assert format_metric("r2", None) == ""


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [(2.00606, 0.00312, "2.0061"), (2.00606, None, "2.00606"), (1234.5, 25.0, "1234"), (3.0, 0.0, "3")],
)
def test_a_number_has_the_decimals_that_its_error_leaves(
    value: float, error: float | None, shown: str
) -> None:
    assert format_by_error(value, error) == shown
