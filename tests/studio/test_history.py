"""Undo and redo: all back is the start, all forth is the end, also after the project was closed in between."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.catalogue import Catalogue
from studio.models.history import History


class Names:
    """Something with state: names, and stars in another kind of edit."""

    def __init__(self) -> None:
        self.names: dict[str, str] = {}
        self.stars: set[str] = set()

    def attach(self, history: History) -> History:
        history.register("name", self._set_name)
        history.register("star", self._set_star)
        return history

    def rename(self, history: History, who: str, name: str, gesture: str = "") -> None:
        old = self.names.get(who, "")
        history.do(f"rename {who}", "name", {"who": who, "is": name}, {"who": who, "is": old}, gesture)

    def star(self, history: History, who: str) -> None:
        there = who in self.stars
        history.do(f"star {who}", "star", {"who": who, "is": not there}, {"who": who, "is": there})

    @property
    def state(self) -> tuple[dict[str, str], set[str]]:
        return dict(self.names), set(self.stars)

    def _set_name(self, data: Mapping[str, Any]) -> None:
        self.names[data["who"]] = data["is"]
        if not data["is"]:
            del self.names[data["who"]]

    def _set_star(self, data: Mapping[str, Any]) -> None:
        (self.stars.add if data["is"] else self.stars.discard)(data["who"])


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue(tmp_path / "catalogue.sqlite")
    yield opened
    opened.close()


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("rename"), st.sampled_from("ab"), st.sampled_from(["", "x", "y"])),
        st.tuples(st.just("star"), st.sampled_from("ab"), st.just("")),
        st.tuples(st.sampled_from(["undo", "redo", "reopen"]), st.just(""), st.just("")),
    ),
    max_size=14,
)


@settings(max_examples=30, deadline=None)
@given(STEPS)
def test_all_back_is_the_start_and_all_forth_the_end(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    catalogue = Catalogue(tmp_path_factory.mktemp("history") / "catalogue.sqlite")
    model = Names()
    history = model.attach(History(catalogue))
    states = [model.state]  # as they should be after each edit that is done; the plain way to keep a history
    place = 0
    for verb, who, name in steps:
        if verb == "rename":
            model.rename(history, who, name)
        elif verb == "star":
            model.star(history, who)
        elif verb == "undo" and history.can_undo:
            history.undo()
            place -= 1
        elif verb == "redo" and history.can_redo:
            history.redo()
            place += 1
        elif verb == "reopen":
            history = model.attach(History(catalogue))
        if verb in ("rename", "star"):
            place += 1
            states[place:] = [model.state]
        assert model.state == states[place]
        assert (history.can_undo, history.can_redo) == (place > 0, place < len(states) - 1)
    while history.can_redo:
        history.redo()
    assert model.state == states[-1]
    while history.can_undo:
        history.undo()
    assert model.state == states[0] == ({}, set())
    history = model.attach(History(catalogue))
    history.go_to(history.entries[-1].seq if history.entries else 0)
    assert model.state == states[-1]
    catalogue.close()


def test_menu_texts_and_the_list(catalogue: Catalogue) -> None:
    model = Names()
    history = model.attach(History(catalogue))
    assert (history.undo_text, history.redo_text) == ("Undo", "Redo")
    model.rename(history, "wing", "left")
    model.star(history, "b")
    assert history.undo_text == "Undo star b"
    history.undo()
    assert (history.undo_text, history.redo_text) == ("Undo rename wing", "Redo star b")
    assert [(one.text, one.done) for one in history.entries] == [("rename wing", True), ("star b", False)]
    model.rename(history, "wing", "right")
    assert history.redo_text == "Redo" and not history.can_redo, "a new edit ends what could be redone"


def test_steps_of_one_gesture_go_together(catalogue: Catalogue) -> None:
    model = Names()
    history = model.attach(History(catalogue))
    model.rename(history, "a", "start")
    for name in ("1", "2", "3"):
        model.rename(history, "a", name, gesture="drag 1")
    for name in ("4", "5"):
        model.rename(history, "a", name, gesture="drag 2")
    history.undo()
    assert model.names == {"a": "3"}
    history.undo()
    assert model.names == {"a": "start"}
    history.redo()
    assert model.names == {"a": "3"} and history.redo_text == "Redo rename a"


def test_the_last_state_of_a_kind_outlives_the_window(catalogue: Catalogue) -> None:
    model = Names()
    history = model.attach(History(catalogue))
    assert history.last("name") is None
    model.rename(history, "a", "x")
    model.rename(history, "a", "y")
    history.undo()
    assert history.last("name") == {"who": "a", "is": "x"}
    assert History(catalogue).last("name") == {"who": "a", "is": "x"}
    history.redo()
    assert History(catalogue).last("name") == {"who": "a", "is": "y"}


def test_edits_that_nobody_knows_are_stepped_over(catalogue: Catalogue) -> None:
    model = Names()
    history = model.attach(History(catalogue))
    model.rename(history, "a", "x")
    history.register("other", lambda _: None)
    history.do("paint", "other", {}, {})
    catalogue.log({"who": "another program"}, {})
    later = History(catalogue)
    assert not later.can_undo
    model.attach(later)
    assert later.undo_text == "Undo rename a" and len(later.entries) == 1
    later.undo()
    assert model.names == {}


def test_what_fails_leaves_nothing_behind(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Names()
    history = model.attach(History(catalogue))
    model.rename(history, "a", "x")

    def refuse(_: Mapping[str, Any]) -> None:
        raise ValueError("no such part")

    history.register("bad", refuse)
    with pytest.raises(ValueError, match="no such part"):
        history.do("bad", "bad", {}, {})
    assert len(catalogue.edits()) == 1

    def full(*_: object) -> int:
        raise OSError("disk full")

    monkeypatch.setattr(catalogue, "log", full)
    with pytest.raises(OSError, match="full"):
        model.rename(history, "a", "y")
    with pytest.raises(OSError, match="full"):
        history.undo()
    assert model.names == {"a": "x"} and history.undo_text == "Undo rename a"


def test_everything_is_told(catalogue: Catalogue) -> None:
    history = History(catalogue)
    told: list[int] = []
    history.changed.connect(lambda: told.append(1))
    model = Names()
    model.attach(history)
    before = len(told)
    model.rename(history, "a", "x")
    history.undo()
    history.redo()
    assert len(told) == before + 3
