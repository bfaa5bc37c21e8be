import base64
import csv
import io
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from engine.errors import DamagedFileError, InputError
from engine.metrics.intervals import Interval
from engine.metrics.plots import LEFT, RIGHT, WIDTH, intervals_plot, shares_plot, steps_plot
from engine.metrics.report import to_html
from engine.metrics.result import Evaluation, Reconstruction, read_evaluation, write_evaluation
from engine.metrics.scores import ScoreRow
from engine.metrics.tables import COLUMNS, exponent, tex, to_csv, to_latex, verdicts_csv
from engine.metrics.verdict import VERDICTS, Judged, NoveltyResult, Thresholds

NASTY = 'wing & "tail" <b>50 %</b>_{x}\\~^#$'
PNG = base64.b64encode(b"\x89PNG and so on").decode()


def row(name: str, kind: str = "generated", mmd: float = 0.00123, measure: str = "chamfer") -> ScoreRow:
    return ScoreRow(
        name=name,
        kind=kind,  # type: ignore[arg-type]
        measure=measure,
        mmd=Interval(mmd, mmd / 2, mmd * 2),
        coverage=Interval(0.55, 0.5, 0.6),
        one_nna=Interval(1 / 3, 0.3, 0.7),
        one_nna_ideal=0.496,
        generated=64,
        reference=60,
        points=2048,
        empty=3,
    )


def evaluation(name: str = NASTY) -> Evaluation:
    judged = [
        Judged(
            sample=i,
            verdict=verdict,
            shape=i % 2,
            shape_distance=0.001 * (i + 1),
            latent=0,
            latent_distance=1.5,
            second=1,
            alpha=0.25,
            off=0.1,
        )
        for i, verdict in enumerate(VERDICTS)
    ]
    novelty = NoveltyResult(
        thresholds=Thresholds(copy_shape=0.001, copy_latent=1, near_shape=0.002, near_latent=2, blend=0.5),
        samples=tuple(judged),
        shares={"copy": 0.25, "blend": 0.25, "near": 0.25, "new": 0.25},
        unseen_shares={"copy": 0.0, "blend": 0.0, "near": 0.1, "new": 0.9},
        training=(0.001, 0.002, 0.003),
        unseen=(0.002, 0.004),
    )
    return Evaluation(
        name=name,
        settings={"protocol.points": 2048, "note": NASTY},
        seeds={"samples": 7},
        hashes={"model": "00ff00ff"},
        units={"chamfer": "squared"},
        rows=(row("samples"), row("emd", measure="emd-256-seed-0", mmd=0.2), row("real v real", "real")),
        reconstructions=(Reconstruction(name="plane", chamfer=0.001, f_score=0.9, iou=None, normal_consistency=0.95),),
        f_score_threshold=0.01,
        novelty=novelty,
        sample_names=("s0", "s1", "s2", "s3"),
        training_names=("t0", "t<1>"),
    )


class Page(HTMLParser):
    """Checks that tags are balanced; collects text, images and what is asked for from outside."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag != "meta":
            self.open.append(tag)
        self.links += [value or "" for key, value in attrs if key in ("src", "href", "xlink:href", "action", "data")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag != "meta":
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_the_page_is_whole_and_asks_for_nothing() -> None:
    text = to_html([evaluation(), evaluation("second")], {(NASTY, "sample", 0): PNG, ("second", "training", 0): PNG})
    page = Page(text)
    assert set(page.links) == {f"data:image/png;base64,{PNG}"}
    assert (
        not {"script", "link", "iframe", "b"} & set(page.tags) - {"b"} and "url(" not in text and "@import" not in text
    )
    words = "".join(page.words)
    for told in (
        NASTY,
        "second",
        "real v real",
        "t<1>",
        "2048",
        "samples",
        "00ff00ff",
        "0.00123",
        "33.3%",
        "copy",
        "emd",
    ):
        assert told in words, told
    assert "below 0.001 (Chamfer" in words and words.count("blend") >= 2 and "t0 (75%) and t<1> (25%)" in words
    assert "a classifier" in words.lower() and "3 more were empty" in words
    assert page.tags.count("svg") == 4 + 2 * 2  # two plots per measure, two per run's novelty


def test_a_bare_evaluation_has_a_page_too() -> None:
    bare = Evaluation(name="x", settings={}, seeds={}, hashes={}, units={})
    assert "Evaluation: x" in Page(to_html([bare])).words
    with pytest.raises(InputError, match="at least one"):
        to_html([])
    with pytest.raises(InputError, match="base64"):
        to_html([bare], {("x", "sample", 0): '"><script>'})


def test_csv_gives_every_number_back() -> None:
    made = evaluation()
    lines = list(csv.DictReader(io.StringIO(to_csv([made, evaluation("second")]), newline="")))
    assert len(lines) == 6 and tuple(lines[0]) == tuple(COLUMNS)
    first = next(line for line in lines if line["run"] == NASTY and line["set"] == "samples")
    for name in ("mmd", "coverage", "one_nna"):
        one = getattr(made.rows[0], name)
        assert (float(first[name]), float(first[f"{name}_low"]), float(first[f"{name}_high"])) == (
            one.value,
            one.low,
            one.high,
        )
    verdicts = list(csv.DictReader(io.StringIO(verdicts_csv(made), newline="")))
    assert [line["verdict"] for line in verdicts] == ["copy", "blend", "near", "new"]
    assert verdicts[1]["nearest_shape"] == "t<1>" and float(verdicts[3]["chamfer"]) == 0.004


def test_json_gives_the_evaluation_back(tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    write_evaluation(path, evaluation())
    assert read_evaluation(path) == evaluation()
    path.write_text(path.read_text()[:-5])
    with pytest.raises(DamagedFileError, match="evaluate the run again"):
        read_evaluation(path)
    write_evaluation(path, replace(evaluation(), version=99))
    with pytest.raises(DamagedFileError, match="version 99"):
        read_evaluation(path)


def test_latex_has_one_shape_and_no_open_command() -> None:
    text = to_latex([evaluation(), evaluation("second")])
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(body) == 1 + 6
    assert all(len(re.findall(r"(?<!\\)&", line)) == 7 for line in body)
    assert text.count(r"\textit{real v real}") == 2
    assert r"1.23 [0.61, 2.46]$\times 10^{-3}$ & 55.0 [50.0, 60.0] & 33.3 [30.0, 70.0] & 64 / 60" in text
    assert r"2.00 [1.00, 4.00]$\times 10^{-1}$" in text
    assert tex("a_b\n50 % {x}") == r"a\_b 50 \% \{x\}"
    assert tex("\\~") == r"\textbackslash{}\textasciitilde{}"
    assert exponent([row("a", mmd=0.0)]) == 0 and exponent([row("a", mmd=25.0)]) == 1


def test_plots_are_true_to_scale() -> None:
    text = intervals_plot("a & b", [("x", Interval(0.5, 0.25, 0.75), 0.4), ("y", Interval(1, 1, 1), 0.4)], 1)
    root = ElementTree.fromstring(text)
    across = WIDTH - LEFT - RIGHT
    circles = [float(one.attrib["cx"]) for one in root.iter("circle")]
    assert circles == pytest.approx([LEFT + across / 2, LEFT + across], abs=0.01)
    bars = [one for one in root.iter("line") if one.get("opacity")]
    assert float(bars[0].attrib["x2"]) - float(bars[0].attrib["x1"]) == pytest.approx(across / 2, abs=0.02)
    cut = ElementTree.fromstring(shares_plot("c", {"a": {"p": 0.25, "q": 0.75}}))
    assert [float(one.attrib["width"]) for one in cut.iter("rect")] == pytest.approx(
        [across / 4, 3 * across / 4], abs=0.02
    )
    steps = ElementTree.fromstring(steps_plot("s", {"a": [3.0, 1.0, 2.0]}, {"m": 2.0}))
    (line,) = steps.iter("polyline")
    heights = [float(point.split(",")[1]) for point in line.attrib["points"].split()]
    assert heights == sorted(heights, reverse=True) and heights[-1] == 10
    assert float(line.attrib["points"].split()[-1].split(",")[0]) == WIDTH - RIGHT
    ElementTree.fromstring(steps_plot("none", {"a": []}, {}))
