"""Keys of the actions in the menus: which there are, what a person has put in their place, and whether two are the same."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu

from studio.models.preferences import Preferences

USUAL = "usual keys"
PLAIN = QKeySequence.SequenceFormat.PortableText


@dataclass(frozen=True)
class Shortcut:
    """An action with keys, or without any yet. name : under which other keys are kept; usual : those that it comes with"""

    name: str
    menu: str
    words: str
    keys: str
    usual: str


class Keys:
    """``adopt`` takes the actions of menus as they come; what a person prefers holds for them from then on."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences
        self._actions: dict[str, tuple[str, QAction]] = {}

    def adopt(self, menus: Mapping[str, QMenu]) -> None:
        """All actions that stand in the menus now; those of menus inside them have no keys."""
        self._actions = {}
        for menu, there in menus.items():
            for action in there.actions():
                if action.isSeparator() or action.menu():
                    continue
                if not action.objectName():  # its words may change with what it would do
                    action.setObjectName(f"{menu}/{action.text().replace('&', '')}")
                    action.setProperty(USUAL, action.shortcut().toString(PLAIN))
                self._actions[action.objectName()] = menu, action
        for name, (_, action) in self._actions.items():
            self._settle(name, action)

    def all(self) -> list[Shortcut]:
        """Every action, in the order of the menus."""
        return [
            Shortcut(name, menu, name.partition("/")[2], action.shortcut().toString(PLAIN), str(action.property(USUAL)))
            for name, (menu, action) in self._actions.items()
        ]

    def taken(self, name: str, keys: str) -> str:
        """The action that has these keys already, "" where they are free; two that came with the same ones may keep them."""
        mine = next((one for one in self.all() if one.name == name), None)
        usual = mine.usual if mine else ""
        others: Iterable[Shortcut] = (one for one in self.all() if one.name != name and one.keys == keys)
        return next((one.words for one in others if keys and not one.usual == usual == keys), "")

    def put(self, name: str, keys: str) -> None:
        """Let an action have these keys; its usual ones are not kept."""
        usual = str(self._actions[name][1].property(USUAL))
        others = {other: kept for other, kept in self._preferences.kept.keys.items() if other != name}
        self._preferences.save(keys=others if keys == usual else {**others, name: keys})
        self._settle(name, self._actions[name][1])

    def reset(self) -> None:
        """All have their usual keys again."""
        self._preferences.save(keys={})
        for name, (_, action) in self._actions.items():
            self._settle(name, action)

    def _settle(self, name: str, action: QAction) -> None:
        keys = self._preferences.kept.keys.get(name, str(action.property(USUAL) or ""))
        action.setShortcut(QKeySequence.fromString(keys, PLAIN))
