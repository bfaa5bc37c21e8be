"""The state of a form that is generated from a settings struct: values, errors, what differs from the preset."""

from collections.abc import Mapping
from typing import Any

import msgspec
from PySide6.QtCore import QObject, Signal

from studio.models.form_fields import Field, Group, describe
from studio.models.form_text import sentence


class Form(QObject):
    """Values under edit. What is not valid is kept as it was typed, with a sentence that says what it needs.

    changed : the key of a field whose value or error changed; "" when all may have
    settings_changed : the settings as a whole are other ones, or became (in)valid
    """

    changed = Signal(str)
    settings_changed = Signal()

    def __init__(
        self,
        settings: msgspec.Struct,
        presets: Mapping[str, msgspec.Struct] | None = None,
        leave_out: tuple[str, ...] = (),
        parent: QObject | None = None,
    ) -> None:
        """settings : what the form starts with; without ``presets`` also what "changed" is measured against.

        presets : name -> settings of the same type; the one that equals ``settings``, else the first, is the preset in use
        leave_out : keys that have a control elsewhere; their values stay as they are
        """
        super().__init__(parent)
        self.kind = type(settings)
        self.presets = dict(presets or {})
        self.preset = next(
            (name for name, one in self.presets.items() if one == settings), next(iter(self.presets), "")
        )
        self._base: Any = msgspec.to_builtins(self.presets.get(self.preset, settings))
        self._data: Any = msgspec.to_builtins(settings)
        self.group: Group = describe(settings, leave_out)
        self.fields: dict[str, Field] = {field.key: field for field in self.group.all_fields()}
        self._errors: dict[str, str] = {}
        self.refused: set[str] = set()  # fields in which something was typed that is no value; theirs is an older one
        self._check()

    # values ----------------------------------------------------------------------------------------------------------
    def value(self, key: str) -> Any:
        """The value of a field as plain data."""
        return _get(self._data, self.fields[key].path)

    def default(self, key: str) -> Any:
        """What the preset has."""
        return _get(self._base, self.fields[key].path)

    def put(self, key: str, value: Any) -> None:
        """Change a value; one that is not valid is kept, and ``error`` says what it needs."""
        if key not in self._errors and msgspec.json.encode(value) == msgspec.json.encode(self.value(key)):
            return
        self._put(key, value)
        self._check()
        self._tell(key)

    def refuse(self, key: str, text: str) -> None:
        """Take note of something typed that is no value at all; ``text`` says what it should be."""
        self.refused.add(key)
        self._errors[key] = text
        self._tell(key)

    def reset(self, key: str) -> None:
        """Back to what the preset has; also for a group's key, with all in it."""
        self._reset(key)
        self._tell("" if key not in self.fields else key)

    def reset_all(self) -> None:
        """All fields back to what the preset has."""
        self._reset("")
        self._tell("")

    def use_preset(self, name: str) -> None:
        """All fields as a preset has them. Raises KeyError for an unknown one."""
        self._base = msgspec.to_builtins(self.presets[name])
        self.preset = name
        self.reset_all()

    # what comes of them ----------------------------------------------------------------------------------------------
    @property
    def settings(self) -> Any:
        """The settings, or None while something is not valid."""
        return None if self._errors else msgspec.convert(self._data, self.kind)

    @property
    def changes(self) -> tuple[str, ...]:
        """``key=value`` of each field that differs from the preset, as ``--set`` takes them; without invalid ones."""
        return tuple(
            f"{key}={_as_text(self.value(key))}"
            for key in self.fields
            if key not in self._errors and self.is_changed(key)
        )

    def is_changed(self, key: str) -> bool:
        """Whether a field (or any in a group) differs from the preset."""
        if key in self.fields:
            return key in self._errors or bool(self.value(key) != self.default(key))
        return any(self.is_changed(one) for one in self.fields if _within(one, key))

    def error(self, key: str) -> str:
        """What is wrong with a field, one sentence; "" when nothing is. The key "" has what is wrong with the whole."""
        return self._errors.get(key, "")

    @property
    def errors(self) -> Mapping[str, str]:
        """All that is wrong, by key."""
        return self._errors

    def matches(self, search: str) -> set[str]:
        """Keys of the fields in which all words of ``search`` occur: in title, key, help, or the title of a group."""
        words = search.lower().split()
        return {
            field.key
            for trail, field in _trailed(self.group)
            if all(word in f"{trail} {field.title} {field.key} {field.help}".lower() for word in words)
        }

    # inside ----------------------------------------------------------------------------------------------------------
    def _put(self, key: str, value: Any) -> None:
        *groups, name = self.fields[key].path
        _get(self._data, tuple(groups))[name] = value
        self.refused.discard(key)

    def _reset(self, key: str) -> None:
        for one in [one for one in self.fields if one == key or _within(one, key)]:
            self._put(one, self.default(one))
        self._check()

    def _check(self) -> None:
        """Errors anew, by msgspec: of each field by itself, then of the whole (a struct may check more)."""
        typed = {key: self._errors[key] for key in self.refused}
        wrong = {key: sentence(field) for key, field in self.fields.items() if not self._is_valid(key)}
        self._errors = wrong | typed
        if not self._errors:
            try:
                msgspec.convert(self._data, self.kind)
            except msgspec.ValidationError as error:
                self._errors[""] = f"{error}."

    def _is_valid(self, key: str) -> bool:
        """Whether msgspec takes the settings with this one value and the preset's others, and it is one that is offered."""
        path, high, value = self.fields[key].path, self.fields[key].high, self.value(key)
        if high is not None and isinstance(value, int | float) and value > high:
            return False
        trial = _replaced(self._base, path, value)
        try:
            msgspec.convert(trial, self.kind)
        except msgspec.ValidationError as error:
            return f"`$.{'.'.join(path)}" not in str(error)
        return True

    def _tell(self, key: str) -> None:
        self.changed.emit(key)
        self.settings_changed.emit()


def _get(data: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        data = data[name]
    return data


def _replaced(data: Any, path: tuple[str, ...], value: Any) -> Any:
    """``data`` with one value replaced; what is not on the way to it is shared."""
    if not path:
        return value
    return {**data, path[0]: _replaced(data[path[0]], path[1:], value)}


def _within(key: str, group: str) -> bool:
    return not group or key.startswith(f"{group}.")


def _trailed(group: Group, trail: str = "") -> list[tuple[str, Field]]:
    """Fields with the titles of the groups that they are in."""
    own = f"{trail} {group.title}".strip()
    found = [(own, field) for field in group.fields]
    for inner in group.groups:
        found += _trailed(inner, own)
    return found


def _as_text(value: Any) -> str:
    """JSON, or a bare word where ``--set`` reads that as the same text."""
    if isinstance(value, str):
        try:
            msgspec.json.decode(value)
        except msgspec.DecodeError:
            return value
    return msgspec.json.encode(value).decode()
