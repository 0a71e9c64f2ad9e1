"""The history of aliases: written with every move, by whoever moves them, in both dialects."""

import pytest
from sqlalchemy import text

from service.caller import LOCAL_CALLER, Caller
from service.db.repositories import Aliases
from service.db.session import Sessions
from service.db.tables import Model
from service.operations.models.management import change_model, delete_model
from service.schemas.models import ModelPatch
from tests.support.factories import make_model

ANNE = Caller(key_id="018f0000-0000-7000-8000-000000000001", name="Anne")


@pytest.fixture
def models(sessions: Sessions) -> list[Model]:
    """Two versions of one name."""
    return [make_model(sessions), make_model(sessions)]


def set_alias(sessions: Sessions, model: Model, alias: str | None, caller: Caller = LOCAL_CALLER) -> None:
    change_model(model.id, ModelPatch(alias=alias), sessions.restrict_to(caller))


def history(sessions: Sessions, name: str = "law") -> list[tuple[str, str | None, int | None]]:
    """Oldest first."""
    with sessions.restrict_to(LOCAL_CALLER).read() as session:
        moves = Aliases(session).list_moves(name, limit=99)
    return [(move.alias, move.model_id, move.version) for move in reversed(moves)]


def test_every_move_of_an_alias_is_kept_with_whose_it_was(sessions: Sessions, models: list[Model]) -> None:
    first, second = models
    set_alias(sessions, first, "live", ANNE)
    set_alias(sessions, second, "live")
    assert history(sessions) == [("live", first.id, 1), ("live", second.id, 2)]
    with sessions.restrict_to(LOCAL_CALLER).read() as session:
        moves = Aliases(session).list_moves("law", limit=99)
    assert [(move.key_name, move.key_id) for move in moves] == [("local", None), ("Anne", ANNE.key_id)]


def test_setting_an_alias_to_what_it_is_moves_nothing(sessions: Sessions, models: list[Model]) -> None:
    for _ in range(2):
        set_alias(sessions, models[0], "live")
    assert history(sessions) == [("live", models[0].id, 1)]


def test_an_alias_that_is_taken_away_stands_for_nothing_from_then_on(
    sessions: Sessions, models: list[Model]
) -> None:
    set_alias(sessions, models[0], "live")
    set_alias(sessions, models[0], None)
    assert history(sessions) == [("live", models[0].id, 1), ("live", None, None)]


def test_a_renamed_model_leaves_its_aliases_with_a_trace(sessions: Sessions, models: list[Model]) -> None:
    for alias in ("live", "best"):
        set_alias(sessions, models[0], alias)
    change_model(models[0].id, ModelPatch(name="other", alias="live"), sessions.restrict_to(LOCAL_CALLER))
    assert history(sessions)[2:] == [("best", None, None), ("live", None, None)]
    assert history(sessions, "other") == [("live", models[0].id, 1)]


def test_the_history_outlives_the_model(sessions: Sessions, models: list[Model]) -> None:
    set_alias(sessions, models[0], "live")
    delete_model(models[0].id, sessions.restrict_to(ANNE))
    assert history(sessions) == [("live", models[0].id, 1), ("live", None, None)]
    with sessions.restrict_to(LOCAL_CALLER).read() as session:
        assert Aliases(session).list_moves("law", limit=1)[0].key_name == "Anne"
        assert Aliases(session).list_current("law") == []


def test_a_move_that_is_not_committed_leaves_no_trace(sessions: Sessions, models: list[Model]) -> None:
    with sessions.begin() as session:
        session.execute(text("DROP TABLE audit_entry"))  # so that the change fails after the move
    with pytest.raises(Exception, match="audit_entry"):
        set_alias(sessions, models[0], "live")
    assert history(sessions) == []


def test_another_tenant_has_a_history_of_its_own(sessions: Sessions, models: list[Model]) -> None:
    set_alias(sessions, models[0], "live")
    with sessions.restrict_to(Caller(tenant="other")).read() as session:
        assert Aliases(session).list_moves("law", limit=99) == []
        assert Aliases(session).list_current("law") == []
