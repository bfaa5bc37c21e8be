"""The live demo's server, asked by a real client in this process."""

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.sync.server import Server
from websockets.typing import Origin

from engine import demo_server, methods
from engine.demo_server import Asked, draw_for, frame, listen, serve_demo
from engine.errors import InputError
from engine.layout import Layout, Slot
from engine.methods.tiny3d.settings import Tiny3dSettings
from engine.opened import Model
from engine.protocol import Progress, Stage
from engine.shapes import ModelAbout

Say = Callable[[bytes], None]


@contextmanager
def serving(server: Server) -> Iterator[str]:
    """The address of a server that answers meanwhile."""
    with server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    thread.join(10)
    assert not thread.is_alive()


def heard(client: ClientConnection) -> dict[str, Any]:
    return msgspec.json.decode(client.recv(timeout=20), type=dict[str, Any])


def small_model() -> Model:
    """As `open_model` gives it, untrained."""
    settings = methods.preset("tiny3d", "smoke")
    assert isinstance(settings, Tiny3dSettings)
    method = methods.load(settings)
    layout = Layout((Slot("points", (64, 3)),))
    torch.manual_seed(0)
    trainee = method.trainee(settings, layout, {}).requires_grad_(False).eval()
    about = ModelAbout(settings=settings, vocabulary=(), layout=layout, categories=("chair",), conditions={}, items=())
    return Model("train-1", trainee, method.representation(settings, ()), about, "", Path())


def steps(asked: Asked, say: Say) -> Stage[None]:
    """Ten steps of a cloud of one point at the seed's place."""
    for step in range(1, 11):
        say(frame(torch.full((3,), float(asked.seed)), step / 10))
        yield Progress(stage="sample", done=step, total=10)


def for_ever(begun: Flag, ended: Flag) -> Callable[[Asked, Say], Stage[None]]:
    """A drawing that goes on until it is stopped."""

    def draw(asked: Asked, say: Say) -> Stage[None]:
        try:
            begun.set()
            say(frame(torch.full((3,), float(asked.seed)), 0.5))
            while asked.prompt == "long":
                yield Progress(stage="sample", done=0, total=1)
        finally:
            ended.set()

    return draw


def test_a_prompt_is_answered_step_by_step() -> None:
    """As the original's page reads it: points and progress, up to 1; then the next prompt."""
    with (
        serving(serve_demo(small_model(), 0)) as address,
        connect(address, origin=Origin("http://localhost:5173")) as client,
    ):
        for _ in range(2):
            client.send('{"prompt": "a chair"}')
            told = [heard(client) for _ in range(10)]
            assert [one["progress"] for one in told] == pytest.approx([step / 10 for step in range(1, 11)])
            assert all(np.array(one["points"]).shape == (256, 3) for one in told)
            assert all(one.keys() == {"points", "progress"} for one in told)


def test_clouds_stand_as_the_original_has_them() -> None:
    """Up is +Z, the front of a canonical shape (+Z) is -Y, and the longest side of a canonical shape, 0.95, spans -1 to 1."""
    told = msgspec.json.decode(frame(torch.tensor([0.0, 0.475, 0, 0, 0, 0.475, 0.2375, 0, 0]), 0.5))
    assert told == {"points": [[0, 0, 1], [0, -1, 0], [0.5, 0, 0]], "progress": 0.5}


def test_the_same_seed_draws_the_same_cloud() -> None:
    said: list[bytes] = []
    for seed in (1, 1, 2):
        for _ in draw_for(small_model(), Asked(prompt="", seed=seed), said.append):
            pass
    first, again, other = said[9], said[19], said[29]
    assert first == again != other


@pytest.mark.parametrize("bad", ["{", "[]", '{"prompt": 3}', "\x00", b"\xff\xfe", '{"prompt": "' + "a" * 600 + '"}'])
def test_what_is_no_question_is_answered_by_an_error(bad: str | bytes) -> None:
    """And the next question is answered as usual."""
    with serving(listen(steps, 0, "127.0.0.1")) as address, connect(address) as client:
        client.send(bad)
        assert 'say {"prompt": "a chair"}' in heard(client)["error"]
        client.send('{"prompt": "a chair", "seed": 3}')
        assert heard(client)["progress"] == 0.1


def test_a_long_message_ends_the_connection_and_nothing_else() -> None:
    with serving(listen(steps, 0, "127.0.0.1")) as address:
        with connect(address) as client, pytest.raises(ConnectionClosed):
            client.send("a" * 100_000)
            client.recv(timeout=20)
        with connect(address) as client:
            client.send("{}")
            assert heard(client)["progress"] == 0.1


@pytest.mark.parametrize("origin", ["https://example.com", "http://localhost.example.com", "null", "http://evil:1@x"])
def test_pages_of_others_are_refused(origin: str) -> None:
    with (
        serving(listen(steps, 0, "127.0.0.1")) as address,
        pytest.raises(InvalidStatus, match="403"),
        connect(address, origin=Origin(origin)),
    ):
        pass


@pytest.mark.parametrize("way", ['{"stop": true}', "leave"])
def test_a_drawing_can_be_stopped(way: str) -> None:
    begun, ended = Flag(), Flag()
    with serving(listen(for_ever(begun, ended), 0, "127.0.0.1")) as address:
        with connect(address) as client:
            client.send('{"prompt": "long"}')
            assert begun.wait(20) and not ended.is_set()
            if way == "leave":
                client.close()
            else:
                client.send(way)
            assert ended.wait(20)
        with connect(address) as client:
            client.send('{"prompt": "short"}')
            assert heard(client)["progress"] == 0.5


def test_one_cloud_at_a_time_and_a_new_prompt_takes_its_place() -> None:
    begun, ended = Flag(), Flag()
    with (
        serving(listen(for_ever(begun, ended), 0, "127.0.0.1")) as address,
        connect(address) as client,
        connect(address) as second,
    ):
        client.send('{"prompt": "long", "seed": 1}')
        assert heard(client)["points"][0][0] > 2
        second.send('{"prompt": "short"}')
        assert "another cloud is being drawn" in heard(second)["error"]
        client.send('{"prompt": "short", "seed": 2}')
        assert heard(client)["points"][0][0] > 4
        assert ended.is_set()


def test_who_reads_nothing_does_not_keep_others_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_server, "PATIENCE", 1)
    ended = Flag()

    def flood(asked: Asked, say: Say) -> Stage[None]:
        try:
            while asked.prompt == "long":
                say(frame(torch.zeros(30_000), 0.5))
                yield Progress(stage="sample", done=0, total=1)
            yield from steps(asked, say)
        finally:
            ended.set()

    with serving(listen(flood, 0, "127.0.0.1")) as address:
        with connect(address, max_queue=1, close_timeout=1) as deaf:
            deaf.send('{"prompt": "long"}')
            assert ended.wait(30)
        with connect(address) as client:
            client.send("{}")
            assert heard(client)["progress"] == 0.1


def test_a_fault_of_a_drawing_is_told_and_the_server_goes_on() -> None:
    def broken(asked: Asked, say: Say) -> Stage[None]:
        yield from steps(Asked(), lambda text: None)
        raise InputError("no such encoder") if asked.seed else RuntimeError("out of memory")

    with serving(listen(broken, 0, "127.0.0.1")) as address, connect(address) as client:
        for seed, text in enumerate(("out of memory", "no such encoder")):
            client.send(msgspec.json.encode(Asked(seed=seed)), text=True)
            assert text in heard(client)["error"]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.1", "example.com", ""])
def test_it_listens_on_this_machine_alone(host: str) -> None:
    with pytest.raises(InputError, match="listens on this machine alone"):
        serve_demo(small_model(), 0, host)


def test_a_taken_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(InputError, match="choose another --port"):
        serve_demo(small_model(), taken.getsockname()[1])


def test_without_the_package_it_says_what_to_install() -> None:
    code = "import sys; sys.modules['websockets'] = None; import engine.demo_server"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert 'pip install "shape-studio[demo]"' in found.stderr
