"""How parts meet, in words and in numbers."""

from engine.live_requests import Joint
from studio.models.joint_words import numbers_of, words_of


def joint(a: str, b: str, gap: float = 0.0, overlap: float = 0.0, excess: tuple[float, float] = (0.0, 0.0)) -> Joint:
    return Joint(parts=(a, b), gap=gap, overlap=overlap, excess=excess, judged=True)


def test_a_gap_is_a_share_of_the_length() -> None:
    floats = joint("body", "left_wing", gap=0.16, excess=(0.15, 0.0))
    assert words_of([floats], 2.0) == "the left wing floats 8 % of the shape’s length from the body"
    assert words_of([floats], 1.0) == "the left wing floats 16 % of the shape’s length from the body"
    assert "less than 1 %" in words_of([floats], 100.0)
    assert "%" not in numbers_of([floats]) and "0.160" in numbers_of([floats]) and "0.150" in numbers_of([floats])


def test_what_floats_beside_its_neighbour_is_told_once() -> None:
    near, rest = joint("body", "wing", 0.2, excess=(0.2, 0.0)), joint("wing", "", 0.2, excess=(0.2, 0.0))
    assert words_of([near, rest], 1.0) == words_of([near], 1.0)
    assert words_of([rest], 1.0) == "the wing floats 20 % of the shape’s length from the rest"


def test_the_worst_comes_first_and_few_are_told() -> None:
    small, deep = joint("body", "tail", 0.05, excess=(0.05, 0.0)), joint("body", "engine.2", 0, 0.3, (0.0, 0.25))
    usual = joint("body", "wing")
    first, second = words_of([small, usual, deep], 1.0).split("; ")
    assert "engine 2 is sunk 25 %" in first and "tail floats 5 %" in second
    more = [joint("body", f"leg{i}", 0.01, excess=(0.01, 0.0)) for i in range(3)]
    assert words_of([small, deep, *more], 1.0).endswith("; 3 more joints are unusual")
    assert words_of([small, deep, more[0]], 1.0).endswith("; one more joint is unusual")
    assert words_of([usual], 1.0) == "" and numbers_of([usual, small]).startswith("body and tail")
