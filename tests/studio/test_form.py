"""The model of generated forms: what is typed becomes valid settings, or a sentence."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from engine.errors import InputError
from engine.methods import NAMES, preset
from engine.parts.settings import HealSettings
from engine.settings import ExportOptions, ProtocolSettings, SamplerSettings, Settings, override
from studio.models.form import Form
from studio.models.form_fields import CHOICES, TITLES, Field, describe
from studio.models.form_text import format_value, parse_value, stepped

ALL = [*(preset(name, "tiny") for name in NAMES), ExportOptions(), HealSettings(), ProtocolSettings()]


class Inner(Settings, frozen=True):
    """What lies within.

    depth : how far down,
        in steps
    """

    depth: Annotated[int, Meta(ge=1, le=9)] = 3


class Sample(Settings, frozen=True):
    """One of each kind."""

    way: Literal["up", "down", "aside"] = "down"
    width_mm: Annotated[float, Meta(gt=0, lt=10, title="Width", description="of the thing")] = 2.5
    cut: float | None = None
    sizes: Annotated[tuple[int, ...], Meta(min_length=1)] = (4, 8)
    inner: Inner = Inner()


def values_of(field: Field) -> st.SearchStrategy[Any]:
    """Values that a field takes."""
    low, high = field.low, field.high
    match field.kind:
        case "switch":
            return st.booleans()
        case "choice":
            return st.sampled_from(field.choices)
        case "integer":
            return st.integers(int(low if low is not None else -1000), int(min(high or 10**6, 10**6)))
        case "number":
            least, most = 0.0 if low is None else low, 1e6 if high is None else high
            return st.floats(least, most, exclude_min=field.open_low, exclude_max=field.open_high)
        case "list" if field.item:
            return st.lists(values_of(field.item), min_size=max(1, field.lengths[0]), max_size=4)
        case "table" if field.item:
            return st.dictionaries(st.sampled_from(["wing", "tail"]), values_of(field.item))
        case _:
            return st.text("abc", min_size=1, max_size=5) | st.sampled_from(["true", "12", "null"])


def test_order_and_words() -> None:
    group = describe(Sample())
    fields = {field.key: field for field in group.all_fields()}
    assert list(fields) == ["way", "width_mm", "cut", "sizes", "inner.depth"]
    assert fields["way"].choices == ("up", "down", "aside"), "as declared, not sorted"
    assert (fields["width_mm"].title, fields["width_mm"].unit) == ("Width", "mm")
    assert fields["inner.depth"].help == "How far down, in steps."
    assert group.groups[0].help == "What lies within."


@pytest.mark.parametrize("base", ALL, ids=lambda one: type(one).__name__)
def test_every_value_can_be_typed(base: Settings) -> None:
    form = Form(base)
    for key, field in form.fields.items():
        text = format_value(field, form.value(key))
        form.put(key, parse_value(field, text) if field.kind != "switch" else form.value(key))
    assert form.settings == base and not form.changes


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_changes_say_what_set_takes(data: st.DataObject) -> None:
    base = data.draw(st.sampled_from([*ALL, Sample()]))
    form = Form(base)
    for key in data.draw(st.lists(st.sampled_from(sorted(form.fields)), min_size=1, max_size=6)):
        form.put(key, data.draw(values_of(form.fields[key])))
    assert form.settings is not None
    assert override(base, form.changes) == form.settings
    changed = [key for key in form.fields if form.is_changed(key)]
    assert [change.partition("=")[0] for change in form.changes] == changed
    form.reset_all()
    assert form.settings == base and not form.changes


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_typed_text_comes_back(data: st.DataObject) -> None:
    fields = [field for one in [*ALL, Sample()] for field in describe(one).all_fields() if field.kind != "switch"]
    field = data.draw(st.sampled_from(fields))
    value = data.draw(values_of(field))
    if field.kind == "table":
        value = {name: one for name, one in value.items() if one}
    assert parse_value(field, format_value(field, value)) == value


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_steps_go_the_right_way_and_stay_within(data: st.DataObject) -> None:
    fields = [field for one in [*ALL, Sample()] for field in describe(one).all_fields()]
    field = data.draw(st.sampled_from([field for field in fields if field.kind in ("integer", "number")]))
    value = data.draw(values_of(field))
    up, down = stepped(field, value, 1), stepped(field, value, -1)
    assert down <= value <= up and type(up) is type(value)
    for one in (up, down):
        assert (field.low is None or one >= field.low) and (field.high is None or one <= field.high)
        assert not (field.open_low and one == field.low) and not (field.open_high and one == field.high)
    inner_low = field.low is None or value > field.low * 1.2 + 0.2
    inner_high = field.high is None or value < field.high * 0.8
    assert up > value or not inner_high
    assert down < value or not inner_low


def test_the_smallest_number_can_be_stepped_away_from() -> None:
    field = next(one for one in describe(Sample()).all_fields() if one.open_low and one.high == 10)
    assert stepped(field, 5e-324, 1) == pytest.approx(1e-9) and stepped(field, 5e-324, -1) == 5e-324


def test_learning_rates_go_by_ratio() -> None:
    field = next(one for one in describe(preset("basis", "full")).all_fields() if one.key == "train.lr")
    walk = [2e-4]
    for _ in range(4):
        walk.append(stepped(field, walk[-1], 1))
    assert walk == pytest.approx([2e-4, 5e-4, 1e-3, 2e-3, 5e-3])
    assert stepped(field, 1e-3, -3) == pytest.approx(1e-4)
    steps = next(one for one in describe(preset("basis", "full")).all_fields() if one.key == "train.steps")
    assert [stepped(steps, 16_000, 1), stepped(steps, 1000, -1), stepped(steps, 4, 1)] == [17_000, 990, 5]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("way", "left", "one of up, down, aside"),
        ("width_mm", 0.0, "above 0 and below 10"),
        ("sizes", [], "whole numbers"),
        ("inner.depth", 10, "from 1 to 9"),
        ("inner.depth", "x", "whole number"),
    ],
)
def test_what_is_not_valid_is_kept_and_explained(key: str, value: object, words: str) -> None:
    form = Form(Sample())
    form.put("cut", 2.0)
    form.put(key, value)
    assert words in form.error(key) and not form.settings
    assert form.value(key) == value, "what was typed stays"
    assert form.changes == ("cut=2.0",) and not form.error("cut")
    form.reset(key)
    assert form.settings == Sample(cut=2.0)


def test_text_that_is_no_value() -> None:
    form = Form(Sample())
    field = form.fields["width_mm"]
    with pytest.raises(InputError, match="a number"):
        parse_value(field, "wide")
    form.refuse("width_mm", "This needs a number.")
    form.put("inner.depth", 4)
    assert not form.settings and form.error("width_mm"), "another field does not make it right"
    form.put("width_mm", 2.5)
    assert form.settings == Sample(inner=Inner(depth=4))
    assert parse_value(form.fields["cut"], "") is None
    for text in ("1,23", "nan", "inf", "1e999"):
        with pytest.raises(InputError):
            parse_value(field, text)
    assert parse_value(form.fields["inner.depth"], "16,000") == 16_000


def test_presets_are_what_changes_are_measured_against() -> None:
    presets = {name: preset("basis", name) for name in ("full", "tiny")}
    form = Form(presets["tiny"], presets)
    assert form.preset == "tiny" and not form.changes
    form.put("train.steps", 77)
    form.use_preset("full")
    assert form.settings == presets["full"] and not form.changes
    form.put("train.steps", 77)
    assert form.changes == ("train.steps=77",) and form.is_changed("train") and not form.is_changed("fit")


def test_every_change_is_told_once(record: Callable[[Any], list[Any]]) -> None:
    form = Form(SamplerSettings())
    changed, whole = record(form.changed), record(form.settings_changed)
    form.put("steps", 31)
    form.put("steps", 31)
    assert changed == [("steps",)] and len(whole) == 1


def test_search_finds_by_title_help_and_group() -> None:
    form = Form(preset("basis", "full"))
    assert "fit.lr" in form.matches("learning rate") and "train.lr" in form.matches("learning rate")
    assert form.matches("train learning rate") == {"train.lr"}
    assert form.matches("quality gate") >= {"fit.accept", "fit.accept_part"}
    assert form.matches("") == set(form.fields)


def test_fields_that_have_a_control_elsewhere_stay_as_they_are() -> None:
    form = Form(preset("basis", "full"), leave_out=("seed", "samples"))
    assert "seed" not in form.fields and "samples.near" not in form.fields
    form.put("train.steps", 5)
    assert form.settings.seed == 0


@pytest.fixture
def record() -> Callable[[Any], list[Any]]:
    """Signal -> the list of what it emitted."""

    def recording(signal: Any) -> list[Any]:
        found: list[Any] = []
        signal.connect(lambda *values: found.append(values))
        return found

    return recording


def test_structs_without_an_editor_are_refused() -> None:
    class Odd(msgspec.Struct):
        both: dict[str, Inner] | int = 3

    with pytest.raises(TypeError, match="both"):
        describe(Odd())


def test_more_than_is_offered_is_explained_though_older_jobs_may_have_it() -> None:
    form = Form(ExportOptions())
    form.put("smooth", 0.02)
    assert form.settings.smooth == 0.02
    form.put("smooth", 0.05)
    assert "0.02" in form.error("smooth") and form.settings is None


def test_names_and_choices_that_say_too_little_have_others() -> None:
    group = describe(preset("tiny3d", "tiny"))
    known = {field.key: field for field in group.all_fields()}
    assert set(TITLES) <= set(known) and set(CHOICES) <= set(known)
    for key, words in CHOICES.items():
        assert set(words) == set(known[key].choices) and known[key].title == TITLES[key]
        assert [known[key].said(choice) for choice in known[key].choices] == list(words.values())
