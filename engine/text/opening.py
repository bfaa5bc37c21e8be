"""Encoders that learned elsewhere, opened by their names in settings, and the mark by which a model remembers its own."""

from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from pathlib import Path

import msgspec
import torch
from torch import Tensor

from engine.errors import DamagedFileError, InputError
from engine.protocol import Progress, Stage
from engine.text.clip import ClipTextEncoder
from engine.text.encoder import EncoderMark, TextEncoder
from engine.text.minilm import MiniLMEncoder, packaged
from engine.text.settings import TextSettings

ROOM = 256  # bytes of a mark in a model's file
BEAT_S = 0.2  # between two events


def opening(settings: TextSettings, folder: str = "") -> Stage[TextEncoder]:
    """`open_encoder`, of which something is heard meanwhile: weights are read and summed, which takes seconds."""
    with ThreadPoolExecutor(1, "encoder") as pool:
        going = pool.submit(open_encoder, settings, folder)
        while wait([going], BEAT_S).not_done:
            yield Progress(stage="encoder", done=0, total=1)
        return going.result()


def open_encoder(settings: TextSettings, folder: str = "") -> TextEncoder:
    """The frozen encoder that settings name, which must give ``settings.dim`` numbers a text.

    folder : where its weights are, when not where the settings say. Raises InputError.
    """
    place = folder or settings.folder
    if settings.encoder == "words":
        raise InputError("the encoder of words is part of a model and is not opened by itself; name minilm or clip")
    if settings.encoder == "clip" and not place:
        raise InputError(
            "a CLIP text tower is read from a folder with config.json, vocab.json, merges.txt and model.safetensors; name "
            "it: --set text.folder=FOLDER"
        )
    path = Path(place) if place else packaged()
    file = path / "model.safetensors"
    state = file.stat() if file.is_file() else None
    encoder = _opened(settings.encoder, path, not place, (state.st_mtime_ns, state.st_size) if state else ())
    if encoder.dim != settings.dim:
        raise InputError(
            f"{encoder.id} gives {encoder.dim} numbers a text, not {settings.dim}; set text.dim={encoder.dim}"
        )
    return encoder


@lru_cache(1)  # prompts come one after the other, and opening takes a second
def _opened(kind: str, path: Path, published: bool, state: tuple[int, ...]) -> TextEncoder:
    """The encoder in a folder whose weights are of this age and size."""
    if kind == "clip":
        return ClipTextEncoder(path)
    return MiniLMEncoder(path) if published else MiniLMEncoder(path, sha256=None)


def mark_as_bytes(mark: EncoderMark) -> Tensor:
    """(ROOM,) uint8 for a model's file."""
    text = msgspec.json.encode(mark)
    return torch.tensor(list(text.ljust(ROOM, b"\0")), dtype=torch.uint8)


def mark_from_bytes(stored: Tensor) -> EncoderMark:
    """The mark again. Raises DamagedFileError where there is none."""
    try:
        return msgspec.json.decode(bytes(stored.cpu().tolist()).rstrip(b"\0"), type=EncoderMark)
    except msgspec.DecodeError as error:
        raise DamagedFileError(f"the model does not say which text encoder it was trained with ({error})") from error
