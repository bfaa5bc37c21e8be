"""What the latents of a run are like: whom each is nearest to, maps of them, whether parts can be told, odd ones."""
