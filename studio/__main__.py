"""``python -m studio [PROJECT]``, or ``shape-studio``: opens the window.

Imports happen inside ``main``: an engine process imports this module again when it is spawned.
"""

import sys


def main() -> None:
    """Open the window; returns when it is closed."""
    import multiprocessing

    multiprocessing.freeze_support()
    from studio.app import start

    sys.exit(start(sys.argv))


if __name__ == "__main__":
    main()
