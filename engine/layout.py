"""Where things sit in a latent: a row of numbers cut into named slots, some of which belong to a part. Torch-free."""

from math import prod

import msgspec

from engine.errors import InputError


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One tensor of a latent. ``part`` is the name of the part it belongs to, "" when it belongs to the whole shape."""

    name: str
    shape: tuple[int, ...]
    part: str = ""

    @property
    def size(self) -> int:
        """How many numbers the slot holds."""
        return prod(self.shape)


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The slots of a latent row of D numbers, in order, without gaps."""

    slots: tuple[Slot, ...]

    @property
    def size(self) -> int:
        """D, the length of one latent row."""
        return sum(slot.size for slot in self.slots)

    def of_size(self, size: int) -> "Layout":
        """The layout of rows of ``size`` numbers of the same kind: itself, or with another count of what its only slot
        holds, as clouds may have any number of points. Raises InputError where there is none."""
        if size == self.size:
            return self
        count, rest = divmod(size, prod(self.slots[0].shape[1:]))
        if len(self.slots) != 1 or rest:
            raise InputError(
                f"rows of {size} numbers do not fit a layout of {self.size}; give the model that they are of"
            )
        return Layout((msgspec.structs.replace(self.slots[0], shape=(count, *self.slots[0].shape[1:])),))

    @property
    def spans(self) -> tuple[slice, ...]:
        """Slice of each slot in the row."""
        starts = [0]
        for slot in self.slots:
            starts.append(starts[-1] + slot.size)
        return tuple(slice(a, b) for a, b in zip(starts, starts[1:], strict=False))

    def spans_of(self, part: str) -> tuple[slice, ...]:
        """Slices of the slots that belong to ``part``: what mixing, holding and rerolling a part act on."""
        return tuple(span for slot, span in zip(self.slots, self.spans, strict=True) if slot.part == part)
