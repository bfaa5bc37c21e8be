"""How journeys begin."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from studio.models.opened import ENGINES
from tests.studio.conftest import Desk
from tests.studio.journeys.person import Person

SEED = 4  # of the dice

Arrive = Callable[[str], tuple[Desk, Person]]


@pytest.fixture
def arrive(make_desk: Callable[..., Desk], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Arrive:
    """Somebody starts the program for the first time; takes the name of the journey, for its pictures."""

    def begin(journey: str) -> tuple[Desk, Person]:
        monkeypatch.setattr("studio.models.preferences.user_documents_path", lambda: tmp_path / "Documents")
        random.seed(SEED)
        desk = make_desk(ENGINES)
        me = Person(desk.window, tmp_path / "pictures", journey)
        me.rest()
        me.shoot("welcome")
        return desk, me

    return begin
