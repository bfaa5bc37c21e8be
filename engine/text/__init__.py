"""Text that shapes are asked for with: prompts, spelling, captions, and encoders that turn text into vectors."""
