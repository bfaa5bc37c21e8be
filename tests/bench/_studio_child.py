"""``python -m tests.bench._studio_child MEASURE PROJECT [--quick]``: a measure in a window of its own; prints figures."""

import sys


def main() -> None:
    """Imports happen inside: engines import this module again when they are spawned."""
    import json
    from pathlib import Path

    from tests.bench._studio_desk import Desk
    from tests.bench._studio_measures import MEASURES

    name, folder, *more = sys.argv[1:]
    found = Desk(Path(folder)).do(lambda desk: MEASURES[name](desk, "--quick" in more))
    print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
