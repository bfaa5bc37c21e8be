"""Small text files beside the data: lists, tables, hierarchies."""

import os

from engine.datasets.found.notes import Notes
from engine.datasets.found.tree import shown

LONGEST = 64 * 2**20  # bytes


def read_text(path: str, notes: Notes) -> str:
    """A text file's contents; "" and a warning when it cannot be read or is too long to be what it should be."""
    try:
        if os.path.getsize(path) > LONGEST:
            raise OSError(0, f"it is larger than {LONGEST >> 20} MB")
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return file.read()
    except OSError as error:
        notes.say(f"{shown(path)} cannot be read ({error.strerror}) and is not used", warning=True)
        return ""
