"""What kind of thing a prompt is about: its noun, without what it says of it. No torch."""

from collections.abc import Collection

from engine.text.captions import article
from engine.text.phrases import phrases
from engine.text.prompts import words_of


def kind_said(text: str, known: Collection[str]) -> str:
    """The bare kind that a text names: "a travel mug" of "my travel mug needs a lid"; the first noun of those of the
    procedural categories and their types, as long as it goes; "" where it names none.

    known : the words that the model has learned; nouns of others mean nothing to it
    """
    words, found = words_of(text), []
    for category in phrases().values():
        types = category.attributes.get("type", {}).values()
        for noun in (*category.noun, *(noun for value in types for noun in value.noun)):
            own = words_of(noun)
            places = [place for place in range(len(words)) if words[place : place + len(own)] == own]
            if places and all(word in known for word in own):
                found.append((places[0], -len(own), noun))
    noun = min(found)[2] if found else ""
    return f"{article(noun)} {noun}" if noun else ""
