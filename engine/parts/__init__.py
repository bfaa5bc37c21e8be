"""Part operations on latents: mix, move, heal, reroll, interpolate, measure joints. They know spans and names alone."""
