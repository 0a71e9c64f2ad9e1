import pytest
import typer
from sqlalchemy.exc import OperationalError

from service.cli.support.errors import describe_place, report_client_errors, report_setup_errors
from service.client import ApiError
from service.settings import InvalidSettings


def refused(capsys: pytest.CaptureFixture[str], error: Exception) -> tuple[int, str]:
    with pytest.raises(typer.Exit) as ended, report_setup_errors(), report_client_errors():
        raise error
    return ended.value.exit_code, capsys.readouterr().err


def test_the_first_mistakes_are_told_and_the_others_counted(capsys: pytest.CaptureFixture[str]) -> None:
    errors = [{"line": n, "column": "x", "detail": f"mistake {n}"} for n in range(5)]
    assert refused(capsys, ApiError(422, "bad", "mistake 0; mend it", errors)) == (
        1,
        "kan-service: mistake 0; mend it\n"
        "  also line 1, column 'x': mistake 1\n"
        "  also line 2, column 'x': mistake 2\n"
        "  and 2 more\n",
    )


def test_who_needs_a_key_is_told_where_to_give_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert "KANSERVICE_KEY" in refused(capsys, ApiError(401, "key_required", "send your key"))[1]


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (InvalidSettings("KAN_X is unknown"), 2, "KAN_X is unknown"),
        (OperationalError("SELECT 1", {}, Exception("at host with password")), 1, "doctor"),
        (PermissionError(13, "Permission denied", "a.svg"), 1, "Permission denied: a.svg"),
    ],
)
def test_what_someone_can_mend_is_one_line(
    capsys: pytest.CaptureFixture[str], error: Exception, code: int, told: str
) -> None:
    ended, said = refused(capsys, error)
    assert (ended, said.count("\n"), told in said) == (code, 1, True)
    assert "password" not in said


def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), report_setup_errors(), report_client_errors():
        raise ZeroDivisionError


def test_a_reader_that_has_left_is_no_failure_to_explain() -> None:
    with pytest.raises(BrokenPipeError), report_client_errors():
        raise BrokenPipeError(32, "Broken pipe")


def test_a_place_is_not_said_twice() -> None:
    assert describe_place({"line": 3, "column": "x", "detail": "line 3 is odd"}) == "column 'x': "
    assert describe_place({"row": 2, "detail": "odd"}) == "row 2: "


@pytest.mark.parametrize(
    ("pointer", "detail", "told"),
    [
        ("#/domain", "required", "#/domain: "),
        ("#/equations/1", "at character 1", "#/equations/1: "),
        ("#/vary/network.grid", "no training has network.grid = x", ""),
    ],
)
def test_a_place_in_a_body_is_told_unless_the_text_names_it(pointer: str, detail: str, told: str) -> None:
    assert describe_place({"pointer": pointer, "detail": detail}) == told
