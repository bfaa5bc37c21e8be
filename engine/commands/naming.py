"""Commands about the names of parts: parts, rename-part."""

from collections import Counter
from pathlib import Path

import click
import msgspec

from engine import console
from engine.commands.common import Options, cli, common, run_job
from engine.datasets.marks import Painting
from engine.errors import InputError
from engine.jobs import PartsJob, RenameJob


@cli.command()
@click.argument("items", nargs=-1)
@click.option("--auto", is_flag=True, help="Find parts for items that name none.")
@click.option("--category", default="", help="Only items of a category.")
@click.option("--count", default=0, type=click.IntRange(0, 32), help="Groups of solids; 1 = the whole as one part.")
@click.option("--again", is_flag=True, help="Also match named parts anew: they lose their names.")
@click.option(
    "--painted", default="", metavar="FILE", help="Marks on the surface of items that say what their parts are."
)
@common()
def parts(
    options: Options, items: tuple[str, ...], auto: bool, category: str, count: int, again: bool, painted: str
) -> None:
    """List the part names of the items; with --auto, find parts for ITEMS (or all) that name none.

    An item comes apart into its connected solids. Solids are matched over the items by place and size, each group at
    most once per item (symmetric copies, such as four legs, are one), into as many groups as three quarters of the items
    have: part 1, part 2 and on, the largest first. Where less than half of the items come apart, each gets one part, its
    whole. `rename-part "part 3" leg` names a group.

    Names that only count, such as mesh12 or material_3, are none. Where other names are of no use, --again with ITEMS or
    --category matches the parts that have them over the items in the same way.

    Solids that overlap are told apart only when the file is read: `import --auto-parts` does both.

    --painted takes marks in canonical space (the longest side is 0.95, the middle at 0), as JSON, for one item or a list of
    them: {"item": "chair-1", "mirror": true, "marks": [{"part": "leg", "radius": 0.03, "points": [[0.2, -0.3, 0.2]]}]}.
    Each place of the surface gets the part of the mark that is nearest along the surface, creases between them counting as
    a long way. Without marks an item gets back the parts that it had before it was painted. What the window painted lies in
    the items' folders as painting.json.
    """
    if painted:
        if auto:
            raise InputError("--painted says what the parts are; leave --auto out")
        job = PartsJob(items=items, category=category, count=count, again=again, painted=_paintings(Path(painted)))
        run_job(options, job)
        return
    if auto:
        run_job(options, PartsJob(items=items, category=category, count=count, again=again))
        return
    if count or again:
        raise InputError("--count and --again say how parts are found; add --auto")
    from engine.datasets.parts import in_order

    with options.open() as project:
        rows = [project.catalogue.item(name) for name in items] if items else project.catalogue.items(category)
        found = Counter((row.category, part) for row in rows if row.usable for part in row.parts)
        categories = sorted({name for name, _ in found})
        shown = [
            {"category": name, "part": part, "items": found[name, part]}
            for name in categories
            for part in in_order(part for of, part in found if of == name)
        ]
        none = sum(row.usable and not row.parts for row in rows)
        console.show({"parts": shown, "without parts": none}, options.json)


def _paintings(path: Path) -> tuple[Painting, ...]:
    """The marks in a file, of one item or of several. Raises InputError."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Painting | tuple[Painting, ...])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} holds no marks ({error}); `parts --help` shows what they look like") from error
    return found if isinstance(found, tuple) else (found,)


@cli.command("rename-part")
@click.argument("old")
@click.argument("new")
@click.option("--category", default="", help="Only in items of a category.")
@click.option("--item", "items", multiple=True, help="Only in this item; can be given several times.")
@click.option("--merge", is_flag=True, help="Where an item has both, make them one part; this cannot be undone.")
@common()
def rename_part(options: Options, old: str, new: str, category: str, items: tuple[str, ...], merge: bool) -> None:
    """Give the part OLD the name NEW in all items at once; what is imported later is named alike.

    Fits and models made before keep their names; fit again to have the new ones. In a fit of several categories parts of
    the same name are learned as one, so that they can be exchanged; to learn them apart, name them apart:
    `rename-part leg "chair leg" --category chair`.
    """
    run_job(options, RenameJob(old=old, new=new, category=category, items=items, merge=merge))
