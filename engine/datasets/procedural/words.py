"""Captions: what a shape is, said in several ways."""

from numpy.random import Generator

NOUNS: dict[str, tuple[str, ...]] = {
    "airplane": ("aeroplane", "airplane", "plane", "aircraft"),
    "chair": ("chair",),
    "car": ("car",),
    "table": ("table",),
    "lamp": ("lamp",),
    "mug": ("mug", "cup"),
}


def joined(phrases: list[str]) -> str:
    """a, b and c."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def article(words: str) -> str:
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def captions(
    category: str, attributes: dict[str, str | int | bool], adjectives: list[str], phrases: list[str], rng: Generator
) -> tuple[str, ...]:
    """Four paraphrases, from short to complete, all true.

    adjectives : go before the noun; phrases : follow "with"
    """
    type_ = str(attributes["type"])
    nouns = NOUNS[category]
    plain = nouns[int(rng.integers(len(nouns)))]
    named = type_ if type_ not in ("plain", category) else plain
    noun = " ".join([*adjectives, named])
    shuffled = [phrases[k] for k in rng.permutation(len(phrases))]
    return tuple(dict.fromkeys((
        f"{article(noun)} with {joined(phrases)}",
        f"{article(named)} with {joined(shuffled[:2])}",
        f"{plain}, {', '.join([named, *adjectives, *shuffled]) if named != plain else ', '.join([*adjectives, *shuffled])}",
        article(noun),
        f"this {plain} has {joined(shuffled)}",
    )))  # fmt: skip
