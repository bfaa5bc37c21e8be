"""The measures of `bench studio` that need an open window, each a coroutine in the loop of that window -> its figures."""

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import psutil
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QToolButton

from engine import shipped
from engine.jobs import GenerateJob, Job
from engine.live_requests import Decode
from studio.models.mix import KEY, Mix
from studio.models.timeline import KEY as MORPH
from studio.models.timeline import Timeline
from studio.views.queue_list import QueueList
from studio.views.timeline_ruler import NUMBERS, Ruler
from tests.bench._studio_clouds import clouds
from tests.bench._studio_desk import Desk, Painted, until
from tests.bench._studio_hand import move, press, release, type_key, wheel
from tests.bench._studio_heart import percentiles
from tests.bench._studio_jobs import MODELS, fitting_job, training_job
from tests.bench._studio_person import Person, ticks

Figures = dict[str, Any]
ASKED_PER_S = 60  # frames in a scrub, as often as a mouse tells of itself
MEGABYTE = 2**20


async def stalls(desk: Desk, quick: bool) -> Figures:
    """While a model trains and a person does this and that: how late the loop is, after all was shown once."""
    await _opened(desk)
    await _mixing(desk, "chair")
    desk.opened.model(Timeline).add(("chair/0000", "chair/0003"))
    run = desk.opened.submit(training_job())
    await until(lambda: (task := desk.opened.queue.running) and task.stage == "train" and task.done > 5, "a training")
    person = Person(desk)
    desk.heart.start()
    await person.live(7 if quick else 21, 1 if quick else 3)
    first = desk.heart.stop().summary()
    before = desk.opened.queue.running.done if desk.opened.queue.running else 0
    desk.heart.start()
    await person.live(20 if quick else 300)
    found = desk.heart.stop().summary()
    task = desk.opened.queue.task(run)
    return found | {
        "first": first,
        "acts": person.count,
        "steps": task.done - before if task else 0,
        "torch": "torch" in sys.modules,
    }


async def swap(desk: Desk, quick: bool) -> Figures:
    """Exchange one part after the other in the Mix panel: milliseconds until it is on the screen, and until it is refined."""
    await _opened(desk)
    cases = []
    for name in MODELS:
        await _mixing(desk, name)
        mix = desk.opened.model(Mix)
        parts = [slot.name for slot in mix.slots if slot.origin == "base"]
        donors = [f"{name}/{i:04d}" for i in range(1, 3 if quick else 6)]
        for donor in donors:
            card = desk.opened.library.card(donor)
            for part in parts[: 2 if quick else None]:
                if card and part in card.parts:
                    cases.append(await _exchange(desk, part, donor))
    return of_cases(cases)


def of_cases(cases: list[Figures]) -> Figures:
    """The figures of exchanges; ``painted_percent`` of them came onto the screen, the times are of those."""
    found: Figures = {"cases": cases, "painted_percent": 100 * sum("fine_ms" in one for one in cases) / len(cases)}
    for name in ("first_ms", "fine_ms", "engine_first_ms", "window_first_ms", "engine_ms", "window_ms"):
        found[name] = percentiles([case[name] for case in cases if name in case])
    return found


async def _exchange(desk: Desk, part: str, donor: str) -> Figures:
    """Enter on a card of the shelf; the times at which the part's new surfaces have been painted."""
    view, shelf, mix = desk.view, desk.mix.shelf, desk.opened.model(Mix)
    mix.select(part)
    await until(lambda: mix.donors.row_of(donor) is not None, f"{donor} on the shelf")
    shelf.choose(donor)
    seen: list[tuple[float, Any]] = [(0.0, _mesh_on_screen(desk, KEY, part))]
    done: list[bool] = []

    def look() -> None:
        mesh = _mesh_on_screen(desk, KEY, part)
        if mesh is not None and mesh is not seen[-1][1]:
            seen.append((time.perf_counter(), mesh))
            used.append(_used(desk))

    def hear(answer: Any) -> None:
        if isinstance(answer.ask.request, Decode) and answer.ask.channel == "mix" and answer.state == "done":
            done.append(True)

    painted = Painted(view, look)
    desk.opened.live.answered.connect(hear)
    used = [_used(desk)]
    began = time.perf_counter()
    type_key(shelf, "", Qt.Key.Key_Return)
    scene = view.scene
    await until(lambda: done and seen[-1][1] is scene.shape(KEY).part(part), f"{part} of {donor}")
    await asyncio.sleep(0.2)
    desk.opened.live.answered.disconnect(hear)
    view.removeEventFilter(painted)
    times = [1000 * (at - began) for at, _ in seen[1:]]
    engine, window = zip(*used, strict=True)
    found: Figures = {"part": part, "donor": donor}
    if times:
        spent = {"engine_first_ms": engine[1] - engine[0], "window_first_ms": window[1] - window[0]}
        found |= {"first_ms": times[0]} | spent
    if times and seen[-1][1] is scene.shape(KEY).part(part):  # painted once, where the refined surface came at once
        found |= {"fine_ms": times[-1], "engine_ms": engine[-1] - engine[0], "window_ms": window[-1] - window[0]}
    return found


async def scrub(desk: Desk, quick: bool) -> Figures:
    """Drag the playhead over frames that are there, 60 a second: frames a second that are painted, and how late."""
    await _opened(desk)
    desk.go_to("Morph")
    timeline = desk.opened.model(Timeline)
    timeline.add(("chair/0000", "chair/0001") if quick else ("chair/0000", "chair/0001", "chair/0002"))
    timeline.stretch(12 if quick else 60)
    await until(lambda: all(timeline.is_there(i) for i in range(timeline.frames)), "the frames")
    await asyncio.sleep(1)
    ruler: Ruler = desk.part(Ruler)
    wanted: dict[frozenset[int], float] = {}
    late: list[float] = []

    def look() -> None:
        frame = _frame_on_screen(desk, MORPH)
        if (asked := wanted.pop(frame, None)) is not None:
            late.append(1000 * (time.perf_counter() - asked))

    painted = Painted(desk.view, look)
    y = NUMBERS / 2
    press(ruler, QPointF(ruler.scale.x(0), y))
    await asyncio.sleep(1)
    desk.heart.start()
    began, cpu, asked = time.perf_counter(), time.process_time(), 0
    async for t in ticks(3 if quick else 12, 1 / (4 * ASKED_PER_S)):
        if t * ASKED_PER_S < asked:
            continue
        asked += 1
        place = asked % (2 * timeline.frames - 2)
        place = min(place, 2 * timeline.frames - 2 - place)
        move(ruler, QPointF(ruler.scale.x(place), y), Qt.MouseButton.LeftButton)
        wanted[_frame_wanted(desk)] = time.perf_counter()
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu
    beats = desk.heart.stop().summary()
    release(ruler, QPointF(ruler.scale.x(0), y))
    desk.view.removeEventFilter(painted)
    return {
        "asked_per_s": asked / spent,
        "painted_per_s": len(late) / spent,
        "late_ms": percentiles(late),
        "cpu_ms": 1000 * cpu / max(1, asked),
        "loop": beats,
        "faces": sum(len(part.faces) for part in desk.view.scene.shape(MORPH).parts),
    }


async def library(desk: Desk, quick: bool) -> Figures:
    """Open a project with thousands of cards, scroll through them, and search."""
    desk.heart.start()
    began, cpu = time.perf_counter(), time.process_time()
    desk.open()
    cards, shown = desk.library.list, []
    Painted(cards.viewport(), lambda: shown.append(time.perf_counter()) if desk.library.cards.rowCount() else None)
    await until(lambda: shown, "the cards")
    found: Figures = {
        "cards": desk.library.cards.rowCount(),
        "open_s": shown[0] - began,
        "open_cpu_s": time.process_time() - cpu,
        "open": desk.heart.stop().summary(),
    }
    found["pictures_s"] = await until(lambda: _pictured(desk), "pictures in sight")
    me, bar = psutil.Process(), cards.verticalScrollBar()
    before = most = me.memory_info().rss
    desk.heart.start()
    async for t in ticks(4 if quick else 15):
        wheel(cards.viewport(), -3)
        most = max(most, me.memory_info().rss) if int(60 * t) % 10 == 0 else most
    found["scroll"] = desk.heart.stop().summary()
    bar.setValue(bar.maximum())
    found["pictures_at_end_s"] = await until(lambda: _pictured(desk), "pictures at the end")
    found["scrolled_MiB"] = (max(most, me.memory_info().rss) - before) / MEGABYTE
    desk.heart.start()
    await Person(desk).search(3 if quick else 8)
    found["search"] = desk.heart.stop().summary()
    before_it = desk.opened.library.cards
    desk.heart.start()
    desk.opened.library.refresh()
    found["refresh_s"] = await until(lambda: desk.opened.library.cards is not before_it, "the cards again")
    await asyncio.sleep(0.3)
    found["refresh"] = desk.heart.stop().summary()
    return found


async def cancel(desk: Desk, quick: bool) -> Figures:
    """Milliseconds from a click on Cancel to the end of a training, a fit and a generation that are at work."""
    await _opened(desk)
    desk.window.toggle_queue()
    generation = GenerateJob(model=f"{shipped.PREFIX}chair", count=256, picture=False)
    jobs: Iterable[tuple[str, Job]] = (
        ("train", training_job()),
        ("fit", fitting_job()),
        ("generate", generation),
    )
    found = {}
    for name, job in jobs:
        run = desk.opened.submit(job)
        task = desk.opened.queue.task(run)
        assert task is not None
        await until(lambda task=task: task.total > 1 and task.done > 0, f"the {name} to work")  # type: ignore[misc]
        row = next(row for row in desk.part(QueueList).rows if row.task is task)
        began = time.perf_counter()
        next(one for one in row.findChildren(QToolButton) if one.toolTip() == "Cancel").click()
        await until(lambda task=task: task.state != "stopping", f"the {name} to end", 60)  # type: ignore[misc]
        found[name] = 1000 * (time.perf_counter() - began)
        assert task.state == "cancelled", f"the {name} ended as {task.state} at {task.stage}"
    return {"ms": found, "worst_ms": max(found.values())}


MEASURES: dict[str, Callable[[Desk, bool], Coroutine[Any, Any, Figures]]] = {
    work.__name__: work for work in (stalls, swap, scrub, clouds, library, cancel)
}


# on the way there -----------------------------------------------------------------------------------------------------
async def _opened(desk: Desk) -> None:
    """The project, its cards, and engines that have loaded what they need."""
    desk.open()
    await until(lambda: desk.opened.library.card("chair/0000"), "the cards")
    desk.opened.current.show("chair/0000")
    await until(lambda: desk.view.shown, "the first picture")


async def _mixing(desk: Desk, name: str) -> None:
    """The Mix panel with a shape of a model, refined, and a fader on its first part."""
    desk.go_to("Mix")
    mix, settled = desk.opened.model(Mix), []
    desk.opened.live.answered.connect(lambda answer: settled.append(answer.state) if answer.ask.channel == "mix" else 0)
    mix.begin(f"{name}/0000")
    await until(lambda: "done" in settled, f"the first {name}")
    part = mix.slots[0].name
    settled.clear()
    mix.add_donor(part, f"{name}/0011")
    await until(lambda: "done" in settled, f"a blend of {part}")


def _mesh_on_screen(desk: Desk, key: str, part: str) -> Any:
    """The surface of a part in the picture that is painted; None where it is not there."""
    shown = desk.view.shown
    panes = [pane for pane in shown.panes if pane.key == key] if shown else []
    return panes[0].parts[part].mesh if panes and part in panes[0].parts else None


def _frame_on_screen(desk: Desk, key: str) -> frozenset[int]:
    shown = desk.view.shown
    return frozenset(
        id(placed.mesh) for pane in (shown.panes if shown else ()) if pane.key == key for placed in pane.parts.values()
    )


def _frame_wanted(desk: Desk) -> frozenset[int]:
    return frozenset(id(part) for part in desk.view.scene.shape(MORPH).parts)


def _pictured(desk: Desk) -> bool:
    """Whether all cards in sight have their pictures."""
    cards, room = desk.library.list, desk.library.list.viewport().rect()
    start = max(0, cards.indexAt(QPoint(30, 30)).row())
    names = []
    for row in range(start, min(start + 60, desk.library.cards.rowCount())):
        if room.intersects(cards.visualRect(cards.model().index(row, 0))):
            names.append(desk.library.cards.card(row).name)
    return bool(names) and all(desk.opened.thumbnails.image(name) is not None for name in names)


def _used(desk: Desk) -> tuple[float, float]:
    """CPU milliseconds of the live engine and of the window until now."""
    pid = desk.opened.live.pid
    times = psutil.Process(pid).cpu_times() if pid else None
    return 1000 * (times.user + times.system) if times else 0.0, 1000 * time.process_time()
