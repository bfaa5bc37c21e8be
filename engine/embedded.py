"""Live shapes in files of other programs: all that a GLB must carry so that its parts can be mixed and healed again."""

from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine import methods
from engine.card import Copy
from engine.errors import InputError
from engine.geometry.export.carried import Carried
from engine.layout import Layout
from engine.method import Representation, Shapes
from engine.methods import MethodSettings
from engine.opened import Opened
from engine.parts.pose import unmoved

VERSION = 1
MOST_TEXT = 2**18  # bytes of the description; a real one has a few thousand
STATE = "representation."


class About(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the carried numbers mean.

    present : the parts that are there; copies : where parts stand a second time
    meaning : ``Representation.meaning`` of what decodes them
    """

    settings: MethodSettings
    vocabulary: tuple[str, ...]
    layout: Layout
    present: tuple[str, ...] = ()
    copies: tuple[Copy, ...] = ()
    meaning: str = ""
    version: int = VERSION


@dataclass(frozen=True)
class Live:
    """A shape that came out of a file.

    latent : (D,) as it was written, bit for bit
    pose : (K, 3, 4) where its parts stand; None = where they were learned
    representation : what decodes it; None where that is learned and must be found in the project by ``about.meaning``
    """

    about: About
    latent: Tensor
    pose: Tensor | None
    representation: Representation | None

    @property
    def shape(self) -> Shapes:
        """As one row."""
        flags = [[name in self.about.present for name in self.about.vocabulary]] if self.about.vocabulary else None
        pose = None if self.pose is None else self.pose[None]
        return Shapes(self.latent[None], None if flags is None else torch.tensor(flags), pose)

    @property
    def key(self) -> tuple[bytes, ...]:
        """Equal for shapes that can be rows of one run."""
        alike = msgspec.structs.replace(self.about, present=(), copies=())
        state = self.representation.state_dict().values() if self.representation else ()
        return msgspec.json.encode(alike), *(tensor.numpy().tobytes() for tensor in state)


def pack(opened: Opened) -> tuple[dict[str, NDArray[np.float32]], dict[str, object]]:
    """Arrays and description for ``geometry.export.attach``.

    What decodes the row goes along where it takes no learning beyond the row (the anchor of the weight methods); else
    only its meaning does, by which it is found again.
    """
    shape, representation = opened.shape, opened.representation
    arrays = {"latent": _numbers(shape.latent[0])}
    if shape.pose is not None and not torch.equal(shape.pose[0], unmoved(len(shape.pose[0]))):
        arrays["pose"] = _numbers(shape.pose[0])
    if not _learned(representation):
        arrays |= {STATE + name: _numbers(tensor) for name, tensor in representation.state_dict().items()}
    flags = [] if shape.present is None else shape.present[0].tolist()
    about = About(
        settings=opened.about.settings,
        vocabulary=opened.about.vocabulary,
        layout=opened.layout,
        present=tuple(part.name for part, flag in zip(representation.parts, flags, strict=False) if flag),
        copies=shape.copies[0] if shape.copies else (),
        meaning=representation.meaning(),
    )
    return arrays, msgspec.to_builtins(about)


def unpack(carried: Carried) -> Live:
    """The shape that a file carries. Raises InputError for anything that is not what ``pack`` gives."""
    if carried.about.get("version", VERSION) != VERSION:
        raise InputError("a newer version of this program wrote it; update to use its parts")
    if len(msgspec.json.encode(carried.about)) > MOST_TEXT:
        raise InputError("its description is too long to be ours")
    try:
        about = msgspec.convert(carried.about, About)
    except msgspec.ValidationError as error:
        raise InputError(f"its description is not ours ({error})") from error
    _check_names(about)
    arrays = {name: torch.from_numpy(array) for name, array in carried.latents.items()}
    latent, pose = arrays.pop("latent", torch.zeros(0)), arrays.pop("pose", None)
    if latent.shape != (about.layout.size,) or (pose is not None and pose.shape != (len(about.vocabulary), 3, 4)):
        raise InputError("its numbers do not fit its description")
    if not all(bool(torch.isfinite(tensor).all()) for tensor in (latent, *([] if pose is None else [pose]))):
        raise InputError("it has numbers that are not finite")
    representation = _built(about)
    if _learned(representation):
        return Live(about, latent, pose, None)
    own = representation.state_dict()
    state = {name.removeprefix(STATE): tensor for name, tensor in arrays.items() if name.startswith(STATE)}
    if {name: tensor.shape for name, tensor in own.items()} != {name: tensor.shape for name, tensor in state.items()}:
        raise InputError("it lacks numbers that its representation needs")
    representation.load_state_dict(state, assign=True)
    if representation.meaning() != about.meaning:
        raise InputError("its numbers have another meaning in this version of the program")
    return Live(about, latent, pose, representation)


def _numbers(tensor: Tensor) -> NDArray[np.float32]:
    found: NDArray[np.float32] = tensor.detach().cpu().contiguous().numpy()
    return found


def _learned(representation: Representation) -> bool:
    return next(representation.parameters(), None) is not None


def _check_names(about: About) -> None:
    names = [*about.vocabulary, *(copy.name for copy in about.copies)]
    if len(set(names)) < len(names) or not all(name.isprintable() and name.strip() == name != "" for name in names):
        raise InputError("its parts have names that cannot be")
    if not {*about.present, *(copy.part for copy in about.copies)} <= set(about.vocabulary):
        raise InputError("it names parts that it does not describe")
    if any(side < 1 for slot in about.layout.slots for side in slot.shape):
        raise InputError("its layout has sides that cannot be")


def _built(about: About) -> Representation:
    """Its representation without memory for its numbers. Raises InputError where description and settings do not agree."""
    try:
        with torch.device("meta"):
            found = methods.load(about.settings).representation(about.settings, about.vocabulary)
    except (TypeError, RuntimeError) as error:  # a size beyond 2^63
        raise InputError("its settings have sizes that cannot be") from error
    if getattr(found, "layout", about.layout) != about.layout:
        raise InputError("its layout is not that of its settings")
    return found
