import pytest

from engine import methods
from engine.errors import InputError
from engine.methods import MethodSettings
from engine.methods.semantic.settings import SemanticSettings
from engine.settings import override


@pytest.mark.parametrize(
    ("method", "name"),
    [(method, "tiny") for method in methods.NAMES]
    + [("hyperdiffusion", "paper"), ("semantic", "paper"), ("basis", "full")],
)
def test_presets_obey_their_own_bounds(method: str, name: str) -> None:
    """A constructor checks nothing, so a preset could break a bound; the round trip through ``override`` checks all."""
    settings = methods.preset(method, name)
    assert override(settings, []) == settings


def test_changes_reach_the_named_setting_alone() -> None:
    before = methods.preset("semantic", "tiny")
    after = override(before, ["fit.steps=7", "denoiser.predict=v", "field.hidden=[8,8]"])
    assert isinstance(after, SemanticSettings)
    assert (after.fit.steps, after.denoiser.predict, after.field.hidden) == (7, "v", (8, 8))
    assert override(after, [f"fit.steps={before.fit.steps}"]).fit == before.fit


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("fit.stepz=7", "no setting 'fit.stepz'; known here: .*steps"),
        ("nothing.at.all=7", "no setting"),
        ("fit.steps", "write key=value"),
        ("fit.steps=0", "fit.steps"),
        ("fit.steps=many", "fit.steps"),
        ("denoiser.predict=y", "denoiser.predict"),
    ],
)
def test_bad_changes_are_refused_by_name(change: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        override(methods.preset("semantic", "tiny"), [change])


def test_unknown_methods_and_presets_list_the_known_ones() -> None:
    with pytest.raises(InputError, match="hyperdiffusion, semantic, basis"):
        methods.preset("voxels", "tiny")
    with pytest.raises(InputError, match="paper, tiny"):
        methods.preset("semantic", "huge")


def test_a_method_is_told_by_its_settings() -> None:
    for name in methods.NAMES:
        settings: MethodSettings = methods.preset(name, "tiny")
        assert methods.name_of(settings) == name
