"""Networks of other programs, in and out: the file layouts of HyperDiffusion and SemanticHyperDiffusion.

``load`` opens a file without running anything in it, ``save`` writes the same format on request. ``networks`` knows the
fields (one file per shape), ``denoisers`` the generators, ``frames`` their coordinates, ``bring`` makes both our own.
"""
