"""Part names of ShapeNetPart (Yi et al. 2016): 16 categories, 50 labels.

The files hold numbers alone. Labels count from 1 within a category, or from 0 through all categories in this order. The
names are those in common use, in the project's words; those of lamps, skateboards, airplanes, cars, guitars, knives,
motorbikes and tables were checked against where the labels lie in real files (label 3 of skateboards is the axles
between wheels and deck, which some lists call belt).
"""

PARTS = {
    "airplane": ("body", "wing", "tail", "engine"),
    "bag": ("handle", "body"),
    "cap": ("crown", "visor"),
    "car": ("roof", "hood", "wheel", "body"),
    "chair": ("back", "seat", "leg", "arm"),
    "earphone": ("earcup", "headband", "wire"),
    "guitar": ("head", "neck", "body"),
    "knife": ("blade", "handle"),
    "lamp": ("base", "shade", "canopy", "pole"),
    "laptop": ("keyboard", "screen"),
    "motorbike": ("tank", "seat", "wheel", "handlebar", "light", "frame"),
    "mug": ("handle", "body"),
    "pistol": ("barrel", "handle", "trigger"),
    "rocket": ("body", "fin", "nose"),
    "skateboard": ("wheel", "deck", "axle"),
    "table": ("top", "leg", "drawer"),
}


def local_names(category: str) -> dict[str, str]:
    """Label within its category, counted from 1 -> name; nothing for unknown categories."""
    return {str(i): name for i, name in enumerate(PARTS.get(category, ()), 1)}


def global_names(category: str) -> dict[str, str]:
    """Label through all categories, counted from 0 -> name, for the labels of one category."""
    if category not in PARTS:
        return {}
    before = list(PARTS)[: list(PARTS).index(category)]
    first = sum(len(PARTS[name]) for name in before)
    return {str(first + i): name for i, name in enumerate(PARTS[category])}
