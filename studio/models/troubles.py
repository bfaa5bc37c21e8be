"""What went wrong, for a person: one sentence that says what to do, and details for those who want them."""

import sys
import traceback
from dataclasses import dataclass
from types import TracebackType

from PySide6.QtCore import QObject, Signal

from engine.errors import StudioError, explain


@dataclass(frozen=True)
class Trouble:
    """One message. ``note`` is something good or neutral to know; else it is an error."""

    text: str
    details: str = ""
    note: bool = False


class Troubles(QObject):
    """Where every part of the window reports what a person must know; one view shows it."""

    told = Signal(object)

    def tell(self, text: str, details: str = "", note: bool = False) -> None:
        """Show a sentence."""
        self.told.emit(Trouble(sentence(text), details, note))

    def tell_error(self, error: BaseException) -> None:
        """Show an error; faults of ours bring their traceback along as details."""
        details = "" if isinstance(error, StudioError) else "".join(traceback.format_exception(error))
        self.tell(explain(error).replace("a fault in the engine", "a fault in the window"), details)

    def watch(self) -> None:
        """Show every exception that nobody has caught, instead of losing it on a terminal that is not there."""

        def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            sys.__excepthook__(kind, error, trace)
            if isinstance(error, Exception):
                self.tell_error(error)

        sys.excepthook = hook


def sentence(text: str) -> str:
    """The first letter large, as a sentence has it; the rest as it is."""
    return text[:1].upper() + text[1:]
