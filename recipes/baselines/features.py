"""What the TF-IDF baseline sees of a text, beyond its words.

`words` are words and pairs of neighbours. `negation` takes them sentence by sentence, so that no pair spans two, and
writes "not_" before every word that a negation reaches: from a word such as "no" or "without" on to the end of its
clause, or over the whole sentence where one such as "excluded" ends it. The cues are general English, in the manner
of NegEx (Chapman et al., J Biomed Inform 2001) without its medical lists; nothing here knows what the texts are about.
"""

from __future__ import annotations

import re
from itertools import pairwise

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_TOKEN = re.compile(r"\w\w+|[,;:]")
_BEFORE = frozenset(
    (
        *("no", "not", "without", "never", "neither", "nor", "none", "nothing", "cannot"),
        *("negative", "free", "absence", "lack", "denies", "denied"),
    )
)
_AFTER = re.compile(
    r"\b(?:excluded|ruled out|absent|resolved|removed|no longer"
    r"|not (?:seen|present|identified|found|detected|visible))\b",
    re.IGNORECASE,
)
_END = frozenset(["but", "however", "except", "although", "though", "yet", ";", ":"])


def negation_terms(text: str) -> list[str]:
    """Words and pairs of neighbours of each sentence, those that a negation reaches marked."""
    terms: list[str] = []
    for sentence in _SENTENCE.split(text):
        words = marked(sentence)
        terms += words
        terms += [f"{first} {second}" for first, second in pairwise(words)]
    return terms


def marked(sentence: str) -> list[str]:
    """The words of one sentence in lower case, "not_" before each that a negation reaches."""
    whole = _AFTER.search(sentence) is not None
    negated = whole
    words: list[str] = []
    for token in _TOKEN.findall(sentence.lower()):
        if token in _END:
            negated = whole
        if token in ",;:":
            continue
        words.append(f"not_{token}" if negated else token)
        negated = negated or token in _BEFORE
    return words
