"""What a person does in the window, again and again, while the heart listens: every act is a few seconds of events."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from math import cos, sin

from PySide6.QtCore import QPointF, Qt
from PySide6.QtWidgets import QSlider

from tests.bench._studio_desk import Desk
from tests.bench._studio_hand import click, move, press, release, type_key, wheel

TICK_S = 1 / 60  # between two events of a mouse
WORDS = ("chair", "air", "arm 1", "wing")
WORKSPACES = ("Make", "Mix", "Morph", "Train", "Report")


class Person:
    """Does one act after the other; ``count`` of acts."""

    def __init__(self, desk: Desk, seed: int = 0) -> None:
        self._desk, self._dice = desk, random.Random(seed)
        self.count = 0
        self._acts: tuple[Callable[[float], Awaitable[None]], ...] = (
            self.orbit, self.select_cards, self.fade, self.search, self.switch, self.hover, self.scroll,
        )  # fmt: skip

    async def live(self, seconds: float, each: float = 2.0) -> None:
        """Act for so long."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            await self.act(self._acts[self.count % len(self._acts)], each)

    async def act(self, work: Callable[[float], Awaitable[None]], seconds: float) -> None:
        """One act, under its name."""
        self._desk.heart.doing = work.__name__
        self.count += 1
        await work(seconds)

    async def orbit(self, seconds: float) -> None:
        """Turn the camera with the middle button, as fast as a hand does."""
        view = self._desk.view
        centre, held = QPointF(view.rect().center()), Qt.MouseButton.MiddleButton
        press(view, centre, held)
        async for t in ticks(seconds):
            move(view, centre + QPointF(150 * sin(2 * t), 60 * cos(3 * t)), held)
        release(view, centre, held)

    async def hover(self, seconds: float) -> None:
        """Move the mouse over the shape, and click on it now and then."""
        view = self._desk.view
        centre, clicked = QPointF(view.rect().center()), 0
        async for t in ticks(seconds):
            at = centre + QPointF(120 * sin(5 * t), 70 * cos(3 * t))
            move(view, at)
            if t > clicked + 1:
                clicked += 1
                click(view, at)

    async def select_cards(self, seconds: float) -> None:
        """Click on cards in sight, two a second."""
        cards = self._desk.library.list
        async for _ in ticks(seconds, 0.5):
            rows = [row for row in range(cards.model().rowCount()) if self._in_sight(row)]
            if rows:
                index = cards.model().index(self._dice.choice(rows), 0)
                click(cards.viewport(), QPointF(cards.visualRect(index).center()))

    def _in_sight(self, row: int) -> bool:
        cards = self._desk.library.list
        return bool(cards.viewport().rect().contains(cards.visualRect(cards.model().index(row, 0)).center()))

    async def fade(self, seconds: float) -> None:
        """Drag a part's fader to and fro."""
        self._desk.go_to("Mix")
        fader = next((row.fader for row in self._desk.mix.rows.values() if row.fader.isVisible()), None)
        if fader is None:
            return
        await self._drag(fader, seconds)

    async def _drag(self, fader: QSlider, seconds: float) -> None:
        fader.setSliderDown(True)
        async for t in ticks(seconds):
            fader.setValue(round(fader.maximum() * (0.5 - 0.5 * cos(3 * t))))
        fader.setSliderDown(False)
        fader.setValue(self._dice.randrange(fader.maximum()))

    async def search(self, seconds: float) -> None:
        """Type a word and take it away again, eight keys a second."""
        field, word = self._desk.library.search, self._dice.choice(WORDS)
        done = 0
        async for _ in ticks(seconds, 0.12):
            if done < len(word):
                type_key(field, word[done])
            elif field.text():
                type_key(field, "", Qt.Key.Key_Backspace)
            done += 1
        field.clear()

    async def switch(self, seconds: float) -> None:
        """From workspace to workspace, two a second."""
        async for _ in ticks(seconds, 0.5):
            self._desk.go_to(self._dice.choice(WORKSPACES))
        self._desk.go_to("Mix")

    async def scroll(self, seconds: float) -> None:
        """Turn the wheel over the library."""
        async for t in ticks(seconds, 0.03):
            wheel(self._desk.library.list.viewport(), -1 if sin(2 * t) > 0 else 1)


async def ticks(seconds: float, every: float = TICK_S) -> AsyncIterator[float]:
    """Seconds since the beginning, now and then, for so long."""
    began = time.perf_counter()
    while (t := time.perf_counter() - began) < seconds:
        yield t
        await asyncio.sleep(every)
