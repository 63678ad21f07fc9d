"""What the page says: a sentence for each step, and labels, by language.

Sentences come as a message and what to put into it, so that the browser can say them in any language whose catalogue
it was given; English is the message itself.
"""

from __future__ import annotations

from sim.show import narration

narrated = narration.sentence
clean = narration.rows.clean


def catalogues() -> dict[str, dict[str, str]]:
    """Templates by language: of sentences by their English, of labels by key; ``{name}`` stands for a part."""
    found = {}
    for language in narration.LANGUAGES:
        words = narration.catalogue(language)
        labels = {key: words[english] for key, english in narration.PAGE_TEXTS.items()}
        sentences = {told: words[told] for told in narration.SENTENCES.values()}
        found[language] = {**sentences, **labels}
    return found
