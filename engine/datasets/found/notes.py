"""Sentences for the person, each said once however often its reason occurs."""

from collections.abc import Iterator

from engine.protocol import Note


class Notes:
    """Counted sentences in order of first use; ``{}`` in a sentence stands for its count."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, bool], int] = {}

    def say(self, text: str, count: int = 1, warning: bool = False) -> None:
        """Add to the count of a sentence; a count of zero says nothing."""
        if count:
            self._counts[text, warning] = self._counts.get((text, warning), 0) + count

    def __iter__(self) -> Iterator[Note]:
        for (text, warning), count in self._counts.items():
            yield Note(text=text.replace("{}", str(count)), warning=warning)
