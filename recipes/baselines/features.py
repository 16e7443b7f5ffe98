"""Features of the TF-IDF baseline: words of any script, and marks of negation.

A word has at least two characters; the marks of letters are a part of it. In a script without spaces between words
(Chinese, Japanese, Thai, Lao, Burmese, Khmer) each character is a word, so that pairs of words are character pairs.

A negated word gets the prefix "not_". A negation starts after a word such as "no" or "without" and ends with its
clause. In a sentence with a phrase such as "excluded" it covers the whole sentence. Pairs of words do not span
sentences. The cues are general English, as in NegEx (Chapman et al., J Biomed Inform 2001) without its medical terms.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise

_UNSPACED = (
    r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    r"\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
"""Ranges of the scripts without spaces between words, for a class of characters."""
_MARKS = "".join(chr(code) for code in range(0x300, 0x10000) if unicodedata.category(chr(code)).startswith("M"))
"""Marks that change a letter, such as the vowels of Hindi, which are no word characters of regular expressions."""
WORD = rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[\w{_MARKS}]){{2,}}"
"""Pattern of a word."""

_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_TOKEN = re.compile(rf"{WORD}|[,;:]")
NEGATIONS = frozenset(
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
    """Words and pairs of adjacent words of each sentence, with negated words marked."""
    terms: list[str] = []
    for sentence in _SENTENCE.split(text):
        words = mark_negation(sentence)
        terms += words
        terms += [f"{first} {second}" for first, second in pairwise(words)]
    return terms


def mark_negation(sentence: str) -> list[str]:
    """The words of a sentence in lower case, with the prefix "not_" for negated words."""
    return [word for clause in marked_clauses(sentence) for word in clause]


def marked_clauses(sentence: str) -> list[list[str]]:
    """The words of each clause of a sentence, in lower case, with the prefix "not_" for negated words. A clause ends
    with a comma, semicolon or colon, or before a word such as "but"."""
    negates_all = _AFTER.search(sentence) is not None
    negated = negates_all
    clauses: list[list[str]] = [[]]
    for token in _TOKEN.findall(sentence.lower()):
        if token in _END:
            negated = negates_all
        if (token in _END or token == ",") and clauses[-1]:
            clauses.append([])
        if token in ",;:":
            continue
        clauses[-1].append(f"not_{token}" if negated else token)
        negated = negated or token in NEGATIONS
    return clauses if clauses[-1] else clauses[:-1]


def sentences_of(text: str) -> list[str]:
    """The sentences of a text. A line break ends a sentence."""
    return [sentence for sentence in _SENTENCE.split(text) if sentence.strip()]
