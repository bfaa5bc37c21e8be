"""Observable state of the window: no widgets, no torch. Views bind to it; tests drive it."""
