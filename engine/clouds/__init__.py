"""Point clouds as shapes: pools of points on disk, even subsets of them, pictures and files."""
