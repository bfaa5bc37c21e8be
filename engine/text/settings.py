"""Settings of what reads captions: an encoder that learns together with a denoiser, or one from elsewhere."""

from typing import Annotated, Literal

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
    facts: Annotated[
        int,
        Meta(ge=0, le=4096, description="most facts of shapes that it learns to tell from captions as well; 0 = none"),
    ] = 0


class TextSettings(WordSettings, frozen=True):
    """What reads captions, and its sizes where it learns with the denoiser."""

    encoder: Annotated[
        Literal["words", "minilm", "clip"],
        Meta(description="words: learns from the captions; minilm, clip: learned elsewhere; set dim to what they give"),
    ] = "words"
    folder: Annotated[
        str,
        Meta(max_length=1000, description="of the weights of minilm or clip; nothing: those of the package for minilm"),
    ] = ""
    shuffle: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="share of captions told with their words in any order, so that new sentences are read",
        ),
    ] = 0.0
    captions: Annotated[
        int, Meta(ge=1, le=256, description="of a shape, when they are encoded once before the training; not for words")
    ] = 16
