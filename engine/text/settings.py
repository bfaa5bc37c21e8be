"""Settings of the text encoder that learns together with a denoiser."""

from typing import Annotated

from msgspec import Meta

from engine.settings import Settings

MOST_WORDS = 32  # of a text that the encoder reads; what follows is left out


class WordSettings(Settings, frozen=True):
    """Sizes of `word_encoder.WordNetwork`."""

    words: Annotated[int, Meta(ge=1, le=65_536, description="most words that captions may have")] = 1024
    dim: Annotated[int, Meta(ge=8, description="numbers of a text's vector")] = 128
    width: Annotated[int, Meta(ge=8, description="numbers of a word inside the encoder")] = 96
    layers: Annotated[int, Meta(ge=0, le=12, description="blocks of its transformer; 0 = a bag of words")] = 2
    heads: Annotated[int, Meta(ge=1, description="attention heads, a divisor of the width")] = 2
    bigrams: Annotated[int, Meta(ge=1, description="rows of the table that pairs of neighbouring words share")] = 1024
