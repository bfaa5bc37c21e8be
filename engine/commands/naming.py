"""Commands about the names of parts: parts, rename-part."""

from collections import Counter

import click

from engine import console
from engine.commands.common import Options, cli, common, run_job
from engine.errors import InputError
from engine.jobs import PartsJob, RenameJob


@cli.command()
@click.argument("items", nargs=-1)
@click.option("--auto", is_flag=True, help="Find parts for items that name none.")
@click.option("--category", default="", help="Only items of a category.")
@click.option("--count", default=0, type=click.IntRange(0, 32), help="Groups of solids; 1 = the whole as one part.")
@click.option("--again", is_flag=True, help="Also match named parts anew: they lose their names.")
@common()
def parts(options: Options, items: tuple[str, ...], auto: bool, category: str, count: int, again: bool) -> None:
    """List the part names of the items; with --auto, find parts for ITEMS (or all) that name none.

    An item comes apart into its connected solids. Solids are matched over the items by place and size, each group at
    most once per item (symmetric copies, such as four legs, are one), into as many groups as three quarters of the items
    have: part 1, part 2 and on, the largest first. Where less than half of the items come apart, each gets one part, its
    whole. `rename-part "part 3" leg` names a group.

    Names that only count, such as mesh12 or material_3, are none. Where other names are of no use, --again with ITEMS or
    --category matches the parts that have them over the items in the same way.

    Solids that overlap are told apart only when the file is read: `import --auto-parts` does both.
    """
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
