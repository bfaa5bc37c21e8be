"""The command line: ``python -m engine COMMAND``. Every command is one job of pipeline.py; nothing is computed here."""

import sys

import click

from engine import console
from engine.commands import (  # noqa: F401  (each adds its commands to the group)
    analyse,
    checkout,
    clouds,
    demo_server,
    features,
    files,
    film,
    healing,
    items,
    measure,
    models,
    naming,
    parts,
    shipped,
)
from engine.commands.common import cli
from engine.errors import StudioError, TrainingError, explain, out_of_memory


def main() -> None:
    """Run the command line; every error is one line on stderr, with --json also an object, and an exit status."""
    as_json = "--json" in sys.argv
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        console.complain("stopped; a run that had begun is saved, and `resume` goes on from there", as_json)
        sys.exit(130)
    except click.ClickException as error:
        console.complain(" ".join(error.format_message().split()), as_json)
        sys.exit(2)
    except TrainingError as error:
        console.complain(str(error), as_json)
        sys.exit(1)
    except StudioError as error:
        console.complain(str(error), as_json)
        sys.exit(2)
    except OSError as error:
        console.complain(explain(error), as_json)
        sys.exit(2)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        console.complain(explain(error), as_json)
        sys.exit(1)


if __name__ == "__main__":
    main()
