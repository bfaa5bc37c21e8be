"""Evaluations as the window reads them, and the workspace by clicks."""

from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from pytestqt.qtbot import QtBot

from engine.errors import DamagedFileError
from engine.jobs import EvaluateJob, GenerateJob, ReportJob
from engine.metrics.frechet import FrechetRow
from engine.metrics.intervals import Interval
from engine.metrics.result import Evaluation, Reconstruction, write_evaluation
from engine.metrics.scores import ScoreRow
from engine.metrics.tables import in_words as in_words_of_the_engine
from engine.metrics.verdict import Judged, NoveltyResult, Thresholds, Verdict
from engine.project import Project
from engine.rows import ItemRow, ShapeRow
from studio.models.opened import Engines
from studio.models.report import Report
from studio.models.report_known import Known
from studio.models.report_result import in_words, read_evaluation, tables_of
from studio.views.form import FormView
from studio.views.report import ReportView
from studio.views.report_choice import ReportChoice
from tests.studio.conftest import Desk, settle

LEFT = Qt.MouseButton.LeftButton
SCRIPTED = Engines("tests.studio.test_report_runner:run", "tests.studio.fakes:FakeAnswers")
VERDICTS: tuple[Verdict, ...] = ("copy", "blend", "near", "new")


def row(name: str, one_nna: float, measure: str = "Chamfer") -> ScoreRow:
    return ScoreRow(
        name=name,
        kind="real" if name == "training shapes" else "generated",
        measure=measure,
        mmd=Interval(0.00193, 0.0017, 0.0021),
        coverage=Interval(0.5, 0.4, 0.6),
        one_nna=Interval(one_nna, one_nna - 0.1, one_nna + 0.1),
        one_nna_ideal=0.5,
        generated=40,
        reference=30,
        points=2048,
        empty=2,
    )


def evaluation(name: str = "evaluate-0001") -> Evaluation:
    """What an evaluation may hold, all of it."""
    limits = Thresholds(copy_shape=0.1, copy_latent=0.1, near_shape=0.2, near_latent=0.2, blend=0.1)
    judged = tuple(
        Judged(
            sample=i,
            verdict=VERDICTS[min(i, 3)],
            shape=0,
            shape_distance=0.1,
            latent=0,
            latent_distance=0.1,
            second=1,
            alpha=0.5,
            off=0.1,
        )
        for i in range(4)
    )
    shares: dict[Verdict, float] = dict.fromkeys(VERDICTS, 0.25)
    real: dict[Verdict, float] = {"copy": 0.01, "blend": 0.0, "near": 0.09, "new": 0.9}
    novelty = NoveltyResult(
        thresholds=limits, samples=judged, shares=shares, unseen_shares=real, training=(0.1, 0.2), unseen=(0.3,)
    )
    frechet = FrechetRow(
        name="samples",
        label="FPD (ours)",
        distance=Interval(3.5, 3.0, 4.0),
        dimension=64,
        points=1024,
        generated=40,
        reference=30,
        note="few shapes",
    )
    rebuilt = Reconstruction(name="a", chamfer=0.001, f_score=0.8, iou=None, normal_consistency=0.9)
    return Evaluation(
        name=name,
        settings={"protocol.points": 2048, "against": "unseen"},
        seeds={"all": 0},
        hashes={},
        units={"Chamfer": "cube units squared"},
        rows=(row("samples", 0.66), row("training shapes", 0.55), row("samples", 0.7, "EMD")),
        frechet=(frechet,),
        novelty=novelty,
        reconstructions=(rebuilt, rebuilt),
        f_score_threshold=0.01,
    )


def test_what_the_engine_writes_is_what_the_tables_show(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "evaluation.json", evaluation())
    found = read_evaluation(tmp_path / "evaluation.json")
    scores, novelty, frechet, rebuilt = tables_of([found])
    assert scores.rows[0][0] == "These shapes" and scores.rows[1][0] == "Real training shapes" and scores.real == (1,)
    assert scores.rows[0][2:] == ("66 % (56–76)", "50 % (40–60)", "0.00193 (0.0017–0.0021)")
    assert [cells[1:] for cells in novelty.rows] == [
        ("25 %", "1 %"),
        ("25 %", "0 %"),
        ("25 %", "9 %"),
        ("25 %", "90 %"),
    ]
    assert frechet.rows == (("These shapes", "FPD (ours)", "3.5 (3–4)", "few shapes"),)
    assert rebuilt.rows == (("evaluate-0001", "2", "0.001", "0.8", "", "0.9"),)
    uneven = tables_of([replace(found, rows=(found.rows[0], replace(found.rows[1], generated=30)))])[0]
    assert uneven.header[-1] == "Number / real" and [cells[-1] for cells in uneven.rows] == ["40 / 30", "30 / 30"]
    assert all(len(cells) == len(table.header) for table in (scores, novelty, frechet, rebuilt) for cells in table.rows)
    for figure in ("66%", "50%", "55%", "1%"):
        assert figure in in_words(found).replace(" %", "%") and figure in in_words_of_the_engine(evaluation())
    assert len(tables_of([found, found])[0].rows) == 6 and tables_of([found, found])[0].rows[0][0].startswith(
        "evaluate"
    )
    (tmp_path / "evaluation.json").write_text('{"name": "x", "version": 2}')
    with pytest.raises(DamagedFileError, match="evaluate again"):
        read_evaluation(tmp_path / "evaluation.json")


@pytest.fixture
def desk(make_desk: Callable[..., Desk], folder: Path, qtbot: QtBot) -> Desk:
    """The workspace over five generated shapes and four meshes that no model saw."""
    with Project(folder) as project:
        project.catalogue.new_run("generate", "", "g")
        project.catalogue.end_run("g", "finished")
        shapes = [ShapeRow(id=f"g/{i:04d}", run="g", row=i, kind="generated") for i in range(5)]
        project.catalogue.add_shapes(shapes)
        for i, split in enumerate(("train", "train", "val", "test", "test", "test")):
            item = ItemRow(
                id=f"i{i}",
                kind="mesh",
                category="chair",
                path="/x.obj",
                hash=str(i),
                verdict="closed",
                reason="",
                split=split,
            )
            project.catalogue.add_items([item])
            project.geometry_path(item.id).parent.mkdir(parents=True)
            project.geometry_path(item.id).touch()
    write_evaluation(folder / "given.json", evaluation())
    found = make_desk(SCRIPTED)
    assert found.projects.open(folder)
    settle(qtbot, lambda: found.opened.library.card("g/0000") is not None)
    tabs = found.window.tabs
    (place,) = [i for i in range(tabs.count()) if tabs.tabText(i) == "Report"]
    qtbot.mouseClick(tabs, LEFT, pos=tabs.tabRect(place).center())
    return found


def panels(desk: Desk) -> tuple[ReportChoice, ReportView]:
    choice, view = desk.window.findChild(ReportChoice), desk.window.findChild(ReportView)
    assert isinstance(choice, ReportChoice) and isinstance(view, ReportView) and choice.isVisible() and view.isVisible()
    return choice, view


def test_from_shapes_to_the_report(desk: Desk, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    choice, view = panels(desk)
    assert not view.page.isVisible() and not view.tables and choice.empty.isVisible()
    settle(qtbot, choice.go.isEnabled)
    assert choice.subject.currentText() == "Generated 2: 5 shapes"
    offered = [choice.against.itemText(i) for i in range(choice.against.count())]
    splits = ["Unseen shapes (4)", "Test shapes (3)", "Validation shapes (1)"]
    assert offered == [*splits, "Unseen chair (4)", "All, learned ones too (6)"]
    qtbot.mouseClick(choice.more, LEFT)
    assert isinstance(choice.form, FormView) and choice.form.presets.count() == 2
    desk.opened.model(Report).form.put("points", 512)
    qtbot.mouseClick(choice.go, LEFT)
    settle(qtbot, lambda: bool(view.tables))
    job = desk.opened.queue.done[0].job
    assert isinstance(job, EvaluateJob) and (job.names, job.against, job.protocol.points) == (("g",), (), 512)
    assert len(view.tables) == 4 and "66 %" in view.words.text()
    cell = view.tables[0].item(1, 2)
    assert cell is not None and cell.toolTip() == "55 % (45–65)" and cell.font().italic()
    for width in (545, 1200):  # the first one at a window of 1280 pixels
        view.resize(width, 500)
        table = view.tables[0]
        assert sum(table.columnWidth(i) for i in range(table.columnCount())) <= table.viewport().width()
        assert cell.text() == ("55 %\n(45–65)" if width == 545 else "55 % (45–65)"), (
            "below it where there is little room"
        )
    opened: list[str] = []

    def open_url(url: QUrl) -> bool:
        opened.append(url.toLocalFile())
        return True

    monkeypatch.setattr(QDesktopServices, "openUrl", open_url)
    qtbot.mouseClick(view.page, LEFT)
    assert opened == [str(desk.opened.project.run_folder(job.run) / "report.html")] and Path(opened[0]).is_file()
    compares(desk, qtbot)


def compares(desk: Desk, qtbot: QtBot) -> None:
    """Chosen shapes by the keyboard, then both evaluations in one report."""
    choice, view = panels(desk)
    desk.opened.current.choose(("g/0001", "g/0002"))
    assert choice.subject.itemText(0) == "2 chosen shapes"
    choice.subject.setCurrentIndex(0)
    choice.subject.activated.emit(0)
    qtbot.keyClick(desk.window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    settle(qtbot, lambda: choice.list.count() == 2)
    job = desk.opened.queue.done[0].job
    assert isinstance(job, EvaluateJob) and job.names == ("g/0001", "g/0002")
    assert not choice.compare.isEnabled()
    choice.list.setFocus()
    qtbot.keyClick(choice.list, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    settle(qtbot, lambda: len(desk.opened.model(Report).evaluations) == 2)
    assert view.tables[0].rowCount() == 6 and view.tables[0].isVisible() and not view.page.isVisible()
    qtbot.mouseClick(choice.compare, LEFT)
    settle(qtbot, lambda: choice.list.count() == 3)
    report = desk.opened.queue.done[0].job
    assert isinstance(report, ReportJob) and set(report.runs) == {"evaluate-0001", "evaluate-0002"}
    settle(qtbot, view.page.isVisible)


def test_at_first_the_most_generated_shapes_stand_against_what_there_is(desk: Desk, qtbot: QtBot) -> None:
    """A newer mixture alone is no good beginning, nor are unseen shapes where there are none."""
    choice, _ = panels(desk)
    settle(qtbot, choice.go.isEnabled)
    catalogue = desk.opened.project.catalogue
    for run, kind, count in (("few", "generated", 2), ("mix", "mixed", 1)):
        catalogue.new_run("mix" if run == "mix" else "generate", "", run)
        catalogue.end_run(run, "finished")
        rows = range(count)
        catalogue.add_shapes([ShapeRow(id=f"{run}/{i:04d}", run=run, row=i, kind=kind, added=9e9) for i in rows])
    desk.opened.library.refresh()
    settle(qtbot, lambda: choice.subject.count() == 3)
    offered = [choice.subject.itemText(i) for i in range(3)]
    assert offered == ["Generated 2: 5 shapes", "Generated 3: 2 shapes", "Mixed 4: 1 shape"]
    assert choice.subject.currentIndex() == 0 and choice.against.currentText() == "Unseen shapes (4)"
    report = desk.opened.model(Report)
    report._known = Known(real={("train", "chair"): tuple(f"i{i}" for i in range(6))})
    report.changed.emit()
    assert choice.against.currentText().startswith("All, learned ones too (6)") and choice.go.isEnabled()
    report.hold_against("test")
    assert choice.against.currentText() == "Test shapes (0)" and not choice.go.isEnabled(), "what is chosen stays"


def test_what_stands_in_the_way_is_said(desk: Desk, qtbot: QtBot) -> None:
    choice, _ = panels(desk)
    settle(qtbot, choice.go.isEnabled)
    choice.against.setCurrentIndex(2)
    choice.against.activated.emit(2)
    words = "1 real shape to compare with is too few; bring in more, or compare with all."
    assert choice.about.text() == words and not choice.go.isEnabled()
    qtbot.keyClick(desk.window, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert not desk.opened.queue.tasks
    choice.against.setCurrentIndex(4)
    choice.against.activated.emit(4)
    assert "learned from these" in choice.about.text()
    qtbot.mouseClick(choice.go, LEFT)
    job = desk.opened.queue.tasks[0].job
    assert isinstance(job, EvaluateJob) and job.against == tuple(f"i{i}" for i in range(6))


def test_shapes_stand_against_unseen_ones_of_their_kind(desk: Desk, qtbot: QtBot) -> None:
    """Whatever else is in the project; what is offered counts only shapes of the same kind."""
    choice, _ = panels(desk)
    settle(qtbot, choice.go.isEnabled)
    report, project = desk.opened.model(Report), desk.opened.project
    for kind in ("chair", "lamp"):
        run = project.submit(GenerateJob(model="train-0001", category=kind, count=2)).run
        project.catalogue.end_run(run, "finished")
        rows = [ShapeRow(id=f"{run}/{i:04d}", run=run, row=i, kind="generated") for i in range(2)]
        project.catalogue.add_shapes(rows)
    chairs, lamps = (run.id for run in project.catalogue.runs("generate")[-2:])
    real = {("train", "chair"): ("c0", "c1"), ("test", "chair"): ("c2", "c3"), ("test", "lamp"): ("l0",)}
    report._known = Known(real={**real, ("val", "mug"): ("m0", "m1", "m2"), ("train", "lamp"): ("l1",)})
    desk.opened.library.refresh()
    settle(qtbot, lambda: choice.subject.count() == 3)
    report.take(chairs)
    assert report.kinds == ("chair",) and choice.against.currentText() == "Unseen chair (2)"
    assert [words for words, _ in report.opponents()] == [
        "Unseen chair (2)",
        "Test chair (2)",
        "Validation chair (0)",
        "Unseen lamp (1)",
        "Unseen mug (3)",
        "All chair, learned ones too (4)",
    ]
    report.hold_against("mug")
    assert "held against mug" in report.advice
    report.take(lamps)
    assert choice.against.currentText() == "All lamp, learned ones too (2)", (
        "one lamp is too few, and mugs are no lamps"
    )
    assert report._named() == ("l0", "l1")
    report.hold_against("test")
    assert report.hindrance.startswith("1 real lamp to compare with is too few")
    report.take(chairs)
    assert report.evaluate()
    job = desk.opened.queue.tasks[0].job
    assert isinstance(job, EvaluateJob) and job.against == ("chair",)
