"""Commands that show and measure the program itself: demo, bench."""

import importlib
import sys
from pathlib import Path

import click

from engine import console
from engine.commands.common import Options, cli, common
from engine.errors import InputError

BENCH = Path(__file__).parents[2] / "tests" / "bench"


@cli.command()
@click.argument("out")
@common("device")
def demo(options: Options, out: str) -> None:
    """From procedural aeroplanes to new ones in a few minutes, in a new project in OUT."""
    from engine.demo import demo as stages
    from engine.demo import summary

    result = console.follow(stages(Path(out), options.device))
    console.show(result, True) if options.json else console.tell("Shape Studio", summary(Path(out), result))


def benchmarks() -> list[str]:
    """Names of the benchmarks that this checkout has; none where the program is installed alone."""
    return sorted(path.stem for path in BENCH.glob("[a-z]*.py") if not path.stem.startswith("test_"))


@cli.command(
    help=f"Run a benchmark against its named baseline (from a source checkout): {', '.join(benchmarks()) or 'none is here'}."
)
@click.argument("name")
@click.option("--quick", is_flag=True, help="A small version, to see that it works; its figures mean little.")
@common()
def bench(options: Options, name: str, quick: bool) -> None:
    """Run a benchmark."""
    known = benchmarks()
    if name not in known:
        raise InputError(
            f"there is no benchmark {name!r}; "
            + (f"choose one of {', '.join(known)}" if known else "they need a checkout")
        )
    sys.path.insert(0, str(BENCH.parents[1]))
    console.show(console.follow(importlib.import_module(f"tests.bench.{name}").run(quick)), options.json)
