"""What the window's view says where there is no shape yet."""

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from studio.models.looking import Looking
from studio.views.make import MakeView
from studio.views.view3d import View3D
from tests.studio.conftest import Desk, settle


def test_the_view_says_what_to_do_and_what_is_on_its_way(desk: Desk, qtbot: QtBot) -> None:
    words, current = desk.opened.model(Looking).scene.words, desk.opened.current
    assert not words.text(True), "there is nothing to click"
    make = desk.window.findChild(MakeView)
    assert make is not None
    qtbot.mouseClick(make.go, Qt.MouseButton.LeftButton)
    settle(qtbot, lambda: words.text(True) == "Click a shape to see it")
    card = next(card for card in desk.opened.library.cards if card.kind == "shape")
    asked = desk.opened.live.ask
    desk.opened.live.ask = lambda *what, **then: 0  # type: ignore[method-assign]
    current.show(card.name)
    assert not words.text(True), "what comes soon needs no words"
    settle(qtbot, lambda: words.text(True) == f"Preparing {card.title} …")
    current.show("")
    assert words.text(True) == "Click a shape to see it"
    view = desk.window.findChild(View3D)
    assert view is not None
    qtbot.waitUntil(lambda: view._words == "Click a shape to see it")
    desk.opened.live.ask = asked  # type: ignore[method-assign]
    current.show(card.name)
    settle(qtbot, lambda: bool(desk.opened.model(Looking).scene.shapes))
    assert not words.text(False)
    qtbot.waitUntil(lambda: not view._words, timeout=20_000)
