"""What is asked for in words: the prompt, what a model makes of it, earlier prompts and examples."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.errors import InputError, StudioError
from engine.text.asking import Known, Look, examples, known_of, look
from engine.text.prompts import prompts_of
from studio.models.titles import counted

MOST_RECENT = 30
EXAMPLES = 6
MOST_AT_ONCE = 24  # prompts of a list, each a job of its own
LIKE = 0.995  # likeness from which a prompt is one that was learned


class Prompting(QObject):
    """``text`` is what is typed, a prompt a line. ``known`` is what the chosen model knows, None where it reads no
    words; ``points`` are those of a cloud, 0 = as many as the model draws; of ``candidates`` for each cloud the one is kept
    that goes best with the prompt."""

    changed = Signal()
    wanted = Signal()  # somebody is to type a prompt now

    def __init__(self, folder: Path) -> None:
        """folder : of the project."""
        super().__init__()
        self._folder = folder
        self._typed = ""  # what stood there before one went back to earlier prompts
        self._back = 0  # how many prompts one has gone back
        self.known: Known | None = None
        self.text = ""
        self.points = 0  # of a cloud; 0 = as many as the model draws by itself
        self.candidates = 1  # clouds drawn for each that is kept
        self.recent: list[str] = []  # the newest first
        self.examples: tuple[str, ...] = ()
        self._seen: dict[str, Look] = {}  # prompt -> what the model makes of it: some milliseconds each

    def read(self, model: str) -> None:
        """Another model is asked, "" = none."""
        try:
            self.known = known_of(model, self._folder) if model else None
        except StudioError:  # a model of another version is told of by whoever draws with it
            self.known = None
        self._seen = {}
        self.examples = examples(self.known, EXAMPLES) if self.known else ()
        self.changed.emit()

    def ask(self) -> None:
        """Let the next thing that is done be typing a prompt."""
        self.wanted.emit()

    def write(self, text: str) -> None:
        """Take what is typed."""
        self._back = 0
        self._set(text)

    def step(self, by: int) -> None:
        """Go to an earlier prompt (1) or a later one (-1); before the first is what was typed."""
        if self._back == 0:
            self._typed = self.text
        self._back = min(max(self._back + by, 0), len(self.recent))
        self._set(self.recent[self._back - 1] if self._back else self._typed)

    def remember(self) -> None:
        """What is typed was asked for."""
        new = dict.fromkeys([*reversed(self.prompts), *self.recent])
        self.recent = list(new)[:MOST_RECENT]
        self._back = 0

    @property
    def prompts(self) -> tuple[str, ...]:
        """What is typed, a prompt a line; () for nothing, or for what cannot be asked."""
        try:
            return _prompts_of(self.text)
        except InputError:
            return ()

    @property
    def fault(self) -> str:
        """Why what is typed cannot be asked; "" where it can, or nothing is typed."""
        try:
            _prompts_of(self.text)
        except InputError as error:
            said = str(error) if "\n" in self.text.strip() else str(error).removeprefix("line 1: ")
            return said if self.text.strip() else ""
        return ""

    @property
    def mended(self) -> str:
        """What is typed with slips corrected; the same where there are none."""
        return "\n".join(one.text for one in self._looks) if self._looks else self.text

    @property
    def warning(self) -> str:
        """What the model does not know of it, or why it cannot be asked; "" where all is well."""
        return self.fault or "; ".join(dict.fromkeys(said for one in self._looks if (said := _slips(one))))

    @property
    def strange(self) -> frozenset[str]:
        """Words, as `words_of` has them, that are read as others or that the model has never seen."""
        return frozenset(word for one in self._looks for word in (*(typed for typed, _ in one.corrected), *one.unknown))

    @property
    def nearest(self) -> str:
        """The learned prompt that is nearest, and how near; of a list, how many prompts it has."""
        looks = self._looks
        if len(looks) > 1:
            return f"{counted(len(looks), 'prompt')}, queued one after the other"
        if not looks or not looks[0].nearest:
            return ""
        if looks[0].likeness > LIKE:
            return "The model has learned this very prompt"
        return f"Nearest learned prompt: “{looks[0].nearest}” ({looks[0].likeness:.0%} alike)"

    @property
    def _looks(self) -> Sequence[Look]:
        if self.known is None:
            return []
        prompts = self.prompts
        self._seen = {prompt: self._seen.get(prompt) or look(prompt, self.known) for prompt in prompts}
        return [self._seen[prompt] for prompt in prompts]

    def _set(self, text: str) -> None:
        if text != self.text:
            self.text = text
            self.changed.emit()


def _prompts_of(text: str) -> tuple[str, ...]:
    """As `prompts_of`, which files have many more of. Raises InputError."""
    found = prompts_of(text)
    if len(found) > MOST_AT_ONCE:
        raise InputError(f"{len(found):,} prompts are more than {MOST_AT_ONCE} at a time; leave some for later")
    return found


def _slips(one: Look) -> str:
    """ "wnigs is read as wings", and what the model has never seen."""
    meant = [f"{typed} is read as {word}" for typed, word in one.corrected]
    lost = [f"the model has never seen {', '.join(one.unknown)}"] if one.unknown else []
    return "; ".join(meant + lost)
