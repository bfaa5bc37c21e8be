"""The shelf of the part-swap panel: which shapes can give which parts to the shape that is mixed."""

from collections.abc import Callable

from engine.project import Project
from studio.models.cards import Cards
from studio.models.library import Card, Filter, Library
from studio.models.mix_kin import Kin
from studio.models.thumbnails import Thumbnails
from studio.models.troubles import Troubles


class Shelf:
    """What others can give to a base; ``donors`` are the cards of those that have the part that is offered."""

    def __init__(self, project: Project, library: Library, thumbnails: Thumbnails, troubles: Troubles) -> None:
        self._library, self._troubles = library, troubles
        self._kin = Kin(project)
        self.donors = Donors(library, thumbnails)
        self._offered = ("", "", "")  # part, root of the shapes on the shelf, the base, which is none of them
        self._parts_of: tuple[str, tuple[str, ...]] = ("", ())  # base, names

    def offer(self, part: str, base: Card | None) -> None:
        """Offer this part, from other shapes that mean the same; nothing to do where these are on the shelf already."""
        root = self._kin.root(base.run) if base else ""
        own = base.name if base else ""
        offered = (part, root, own) if part else ("", "", "")
        if offered != self._offered:
            self._offered = offered
            self.donors.offer(
                offered[0],
                lambda card: bool(root and card.run) and card.name != own and self._kin.root(card.run) == root,
            )

    def parts(self, base: Card) -> tuple[str, ...]:
        """Parts of the base, then those that only others of its kind have; looked up once for a base."""
        if self._parts_of[0] != base.name:
            root = self._kin.root(base.run)
            kin = (card for card in self._library.cards if card.kind == "shape" and self._kin.root(card.run) == root)
            names = tuple(dict.fromkeys([*base.parts, *(part for card in kin for part in card.parts)]))
            self._parts_of = (base.name, names)
        return self._parts_of[1]

    def forget(self) -> None:
        """The library is another: look again."""
        self._parts_of = ("", ())

    def can_give(self, part: str, card: Card | None, base: Card) -> bool:
        """Whether a shape can give a part to the base; why not is told."""
        if card is None:
            return False
        if card.kind != "shape" or self._kin.root(card.run) != self._kin.root(base.run):
            self._troubles.tell(
                f"{card.title} is of another model than {base.title}, so their parts do not fit; "
                "choose a shape from the shelf"
            )
            return False
        if part not in card.parts:
            self._troubles.tell(f"{card.title} has no {part}; choose a shape from the shelf")
            return False
        return True


class Donors(Cards):
    """The shelf: cards of shapes that have a part and can give it. A lazy list, as the library's own."""

    def __init__(self, library: Library, thumbnails: Thumbnails) -> None:
        self._fits: Callable[[Card], bool] = lambda card: False
        super().__init__(library, thumbnails, Filter(kinds=("shape",)))

    def offer(self, part: str, fits: Callable[[Card], bool]) -> None:
        """Offer the shapes that have ``part`` and fit."""
        self._fits = fits
        self._filter = Filter(kinds=("shape",), part=part)
        self._read()

    def _found(self) -> list[Card]:
        return [card for card in super()._found() if self._fits(card)]
