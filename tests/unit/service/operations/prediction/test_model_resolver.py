"""What a name stands for is looked up once a second, and at once after a change here."""

import pytest

from service.caller import LOCAL_CALLER, Caller
from service.db.session import Sessions
from service.errors import NotFound
from service.operations.prediction.model_resolver import ModelResolver
from tests.support.factories import make_model


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


def test_a_newer_version_is_found_a_second_later_or_as_soon_as_all_is_forgotten(sessions: Sessions) -> None:
    now = [0.0]
    mine, directory = sessions.restrict_to(LOCAL_CALLER), ModelResolver(clock=lambda: now[0])
    first = make_model(sessions)
    assert directory.get("law", mine).id == first.id
    second = make_model(sessions)
    now[0] = 0.99
    assert directory.get("law", mine).id == first.id
    now[0] = 1.0
    assert directory.get("law", mine).id == second.id
    third = make_model(sessions)
    directory.clear()
    assert directory.get("law", mine).id == third.id


def test_what_one_tenant_has_looked_up_is_nothing_to_another(sessions: Sessions) -> None:
    directory, model = ModelResolver(), make_model(sessions)
    for reference in ("law", model.id):
        directory.get(reference, sessions.restrict_to(LOCAL_CALLER))
        with pytest.raises(NotFound):
            directory.get(reference, sessions.restrict_to(Caller(tenant="elsewhere")))


def test_it_does_not_grow_without_end(sessions: Sessions) -> None:
    directory = ModelResolver(max_entries=2)
    for _ in range(5):
        directory.get(make_model(sessions).id, sessions.restrict_to(LOCAL_CALLER))
    assert len(directory._known) <= 2
