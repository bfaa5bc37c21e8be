"""How parts meet, in words: the worst first, as shares of the shape's length; the numbers are told apart from them."""

from collections.abc import Sequence

from engine.live_requests import Joint

TOLD = 2  # joints that are told; of the others it is said how many there are
REST = ""  # the second name of a pair that is one part and all others


def words_of(joints: Sequence[Joint], length: float) -> str:
    """What is unusual, as sentences without a point at the end; "" where nothing is. ``length`` : the longest side of the
    shape, canonical units."""
    found = sorted([*_gaps(joints), *_overlaps(joints)], reverse=True)
    told = [text.format(share=_share(size, length)) for _, size, text in found[:TOLD]]
    more = [f"{len(found) - TOLD} more joints are unusual" if len(found) > TOLD + 1 else "one more joint is unusual"]
    return "; ".join(told + (more if len(found) > TOLD else []))


def numbers_of(joints: Sequence[Joint]) -> str:
    """A line for each joint that is judged, the worst first, in canonical units."""
    judged = sorted((one for one in joints if one.judged), key=lambda one: -sum(one.excess))
    return "\n".join(map(_line, judged))


def _gaps(joints: Sequence[Joint]) -> list[tuple[float, float, str]]:
    """Parts that stand too far from others -> excess, gap, sentence. One that floats beside its neighbour is not told again
    as one that floats beside the rest."""
    apart = [one for one in joints if one.gap is not None and one.excess[0] > 0]
    told = {name for one in apart if one.parts[1] != REST for name in one.parts}
    found = []
    for one in apart:
        a, b = one.parts
        if b == REST and a in told:
            continue
        name, other = (a, "the rest") if b == REST else (b, f"the {_name(a)}")
        found.append((one.excess[0], one.gap or 0.0, f"the {_name(name)} floats {{share}} from {other}"))
    return found


def _overlaps(joints: Sequence[Joint]) -> list[tuple[float, float, str]]:
    deep = [one for one in joints if one.parts[1] != REST and one.excess[1] > 0]
    return [
        (
            one.excess[1],
            one.excess[1],
            f"the {_name(one.parts[1])} is sunk {{share}} too deep into the {_name(one.parts[0])}",
        )
        for one in deep
    ]


def _line(one: Joint) -> str:
    a, b = (_name(name) if name != REST else "the rest" for name in one.parts)
    gap = f"gap {one.gap:.3f}" if one.gap is not None else "no gap"
    beyond = [f"{excess:.3f} more than usual" if excess > 0 else "as usual" for excess in one.excess]
    overlap = "" if one.parts[1] == REST else f", overlap {one.overlap:.3f} ({beyond[1]})"
    return f"{a} and {b}: {gap} ({beyond[0]}){overlap}"


def _name(part: str) -> str:
    """A copy is called "engine.2" inside."""
    return part.replace(".", " ").replace("_", " ")


def _share(size: float, length: float) -> str:
    percent = 100 * size / length
    amount = f"{percent:.0f} %" if percent >= 1 else "less than 1 %"
    return f"{amount} of the shape’s length"
