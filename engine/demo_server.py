"""A server on this machine alone that speaks the JSON of Tiny 3D Diffusion's live demo over WebSocket: its page works.

A client says ``{"prompt": "a chair"}`` and hears ``{"points": [[x, y, z], ...], "progress": 0..1}`` after each step: what
the cloud seems to become, in the original's axes (+Z up) and size (-1 to 1). The last one has progress 1. Beyond the
original, ``seed`` may be given, ``{"stop": true}`` ends a drawing, a new prompt takes the place of the one that is being
drawn, and what cannot be is answered by ``{"error": text}``. One cloud is drawn at a time, whoever asks.
"""

import ipaddress
import os
import re
import socket
import struct
from collections.abc import Callable
from contextlib import closing
from threading import Lock
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from torch import Tensor

from engine import methods
from engine.clouds.representation import CloudRepresentation
from engine.errors import InputError, StudioError
from engine.methods.tiny3d.denoiser import HALF
from engine.methods.tiny3d.original import UP
from engine.opened import Model
from engine.protocol import Stage
from engine.settings import override
from engine.text.prompts import LONGEST

try:
    from websockets.exceptions import ConnectionClosed
    from websockets.sync.server import Server, ServerConnection, serve
except ImportError as error:  # an extra of the installation
    raise InputError('the server needs one more package: pip install "shape-studio[demo]"') from error

BYTES = 8192  # of a message; longer ones end the connection
WAITING = 4  # messages of a client that are kept until they are read; more wait at the client
PATIENCE = 20  # seconds that a client may leave unread what it is told; then it is left, so that others get their turn
OURS = [
    re.compile(r"https?://(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?"),
    None,
]  # pages of this machine, and programs

Answer = Callable[["Asked", Callable[[bytes], None]], Stage[None]]  # a question -> its drawing, which says each step


class Asked(msgspec.Struct, frozen=True):
    """What a client says; other fields are passed over, as the original does."""

    prompt: Annotated[str, Meta(max_length=LONGEST)] = ""
    seed: int = 0
    stop: bool = False


def serve_demo(model: Model, port: int, host: str = "127.0.0.1") -> Server:
    """A listening server; ``with`` it and call its ``serve_forever``. Port 0 = any that is free.

    Raises InputError for a model that reads no words, and for an address that others could reach.
    """
    if not model.about.reads_words:
        raise InputError(f"{model.name} takes no prompts; name a model of tiny3d")
    if not _is_loopback(host):
        raise InputError(f"{host} can be reached by others; the server listens on this machine alone: 127.0.0.1")
    return listen(lambda asked, say: draw_for(model, asked, say), port, host)


def listen(answer: Answer, port: int, host: str) -> Server:
    """The server of such answers. Pages of other sites are refused by their Origin. Raises InputError for a taken port."""
    busy = Lock()
    try:
        return serve(
            lambda client: _talk(client, answer, busy),
            host,
            port,
            origins=OURS,
            max_size=BYTES,
            max_queue=WAITING,
            compression=None,
        )
    except OSError as error:
        raise InputError(f"port {port} cannot be had ({error.strerror}); choose another --port") from error


def draw_for(model: Model, asked: Asked, say: Callable[[bytes], None]) -> Stage[None]:
    """Draw one cloud, and say what it seems to become after each step."""
    settings, representation = model.about.settings, model.representation
    assert isinstance(representation, CloudRepresentation)
    width = representation.width
    sampler = override(settings.sampler, [f"prompt={msgspec.json.encode(asked.prompt).decode()}"])

    def look(indices: range, share: float, guess: Tensor) -> Stage[None]:
        say(frame(guess[0].view(-1, width)[:, :3].flatten(), share))  # the original's page knows no colours
        yield from ()

    method = methods.load(settings)
    yield from method.sample(model.trainee, representation, 1, sampler, asked.seed, {}, look)


def frame(row: Tensor, progress: float) -> bytes:
    """A cloud (3 P,) in canonical coordinates as the original says it."""
    points = row.detach().cpu().double().view(-1, 3) @ UP.double() / HALF  # rows (x, y, z) -> (x, -z, y)
    return msgspec.json.encode({"points": np.round(points.numpy(), 4).tolist(), "progress": progress})


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _talk(client: ServerConnection, answer: Answer, busy: Lock) -> None:
    """Answer one client until it leaves."""
    try:
        _send_within(client.socket, PATIENCE)
        asked = None
        while True:
            asked = asked or _understood(client, client.recv())
            if asked is None or asked.stop:
                asked = None
                continue
            if not busy.acquire(blocking=False):
                _refuse(client, "another cloud is being drawn; ask again when it is finished")
                asked = None
                continue
            try:
                asked = _drawn(client, answer, asked)
            finally:
                busy.release()
    except ConnectionClosed:
        return


def _send_within(connection: socket.socket, seconds: int) -> None:
    """Let sending fail that takes so long; reading may wait for ever."""
    limit = struct.pack("L", 1000 * seconds) if os.name == "nt" else struct.pack("ll", seconds, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)


def _drawn(client: ServerConnection, answer: Answer, asked: Asked) -> Asked | None:
    """Draw what was asked, unless the client stops it or asks for something else, which is returned."""
    try:
        with closing(answer(asked, lambda text: client.send(text, text=True))) as drawing:
            for _ in drawing:
                try:
                    newer = _understood(client, client.recv(timeout=0))
                except TimeoutError:
                    continue
                if newer is not None:
                    return newer
    except StudioError as error:
        _refuse(client, str(error))
    except (MemoryError, RuntimeError) as error:  # torch's, such as memory that runs out: the server goes on
        _refuse(client, f"it could not be drawn: {error}")
    return None


def _understood(client: ServerConnection, message: str | bytes) -> Asked | None:
    """A message of a client; what is none is answered."""
    try:
        return msgspec.json.decode(message, type=Asked)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        _refuse(client, f'say {{"prompt": "a chair"}} in JSON ({error})')
        return None


def _refuse(client: ServerConnection, text: str) -> None:
    client.send(msgspec.json.encode({"error": text}), text=True)
