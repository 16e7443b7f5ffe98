"""Sets of features of the `linear` baseline, each fitted to training rows:

- `words`: words and pairs of words, as in `tfidf_svm`.
- `negation`: the same within sentences, with negated words marked.
- `informative`: as `negation`, without frequent clauses that no label depends on, such as "the liver is normal".
- `clauses`: pairs of words that are at most `CLAUSE_REACH` words apart in one clause.
- `subject`: each word with the subject of its clause.
- `characters`: sequences of three to five characters within words.

If the texts have none of these terms, sequences of one to three characters are the terms.

A clause is a part of a sentence as `features.marked_clauses` gives it. Negated words have the prefix "not_".

The subject of a clause is what it is about: its first subject word, or else the one of the clause before it, or else
the heading of its sentence ("Heading: ..."). Subject words are found in the training texts: they follow "the" or stand
before "is" or "are" in at least `SUBJECT_SHARE` of their occurrences. With groups of labels, the words in the names of
a group and of its labels are subject words too, unless they are in another group, and the group is their subject.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from recipes.baselines.features import NEGATIONS, WORD, marked_clauses, negation_terms, sentences_of

Flags = NDArray[np.bool_]

CLAUSE_REACH = 3
"""Maximum distance of two words of a pair in a clause, in words."""
MORE_ROWS = 3
"""Minimum number of rows with a term of `clauses`, `subject` and `characters`, which have most of the terms."""
SUBJECT_ROWS = 5
"""Minimum number of rows with a subject word."""
SUBJECT_SHARE = 0.2
"""Minimum share of the occurrences of a subject word that are in the place of a subject."""
NORMAL_ROWS = 5
"""Minimum number of rows with a clause that can be left out."""
NORMAL_LIFT = 2.0
"""A clause is left out if no label is this many standard deviations more frequent in its rows than in all rows."""

_HEADING = re.compile(r"\s*([^\W\d][^:.,;]{1,40}):")
_WORD = re.compile(WORD)
_DIGITS = re.compile(r"\d+")
_BEFORE_SUBJECT = frozenset(["the"])
_AFTER_SUBJECT = frozenset(["is", "are", "was", "were"])


class Terms:
    """The terms of texts by the sets of features in `names`. `groups` has the group of each word as `group_words`
    gives it."""

    def __init__(self, names: Sequence[str], groups: Mapping[str, str] | None = None) -> None:
        self.names = tuple(names)
        self.groups = groups or {}
        self.subjects: frozenset[str] = frozenset()
        self.normal: frozenset[str] = frozenset()
        self._vectorizers: list[TfidfVectorizer] = []

    def fit(self, texts: Sequence[str], gold: Flags) -> csr_matrix | None:
        """The weights of the terms of the training texts, [texts, terms]. None if the texts have no characters."""
        if "subject" in self.names:
            self.subjects = subject_words(texts)
        if "informative" in self.names:
            self.normal = normal_clauses(texts, gold)
        blocks = []
        for name, options in self._options():
            rows = 1 if len(texts) <= 20 else MORE_ROWS if name in ("clauses", "subject", "characters") else 2
            for attempt in ({"min_df": rows, **options}, options):
                vectorizer = TfidfVectorizer(sublinear_tf=True, **attempt)
                try:
                    blocks.append(vectorizer.fit_transform(texts))
                except ValueError:
                    # Raised if no term is left.
                    continue
                self._vectorizers.append(vectorizer)
                break
        if not blocks:
            vectorizer = TfidfVectorizer(sublinear_tf=True, analyzer="char", ngram_range=(1, 3))
            try:
                blocks.append(vectorizer.fit_transform(texts))
            except ValueError:
                return None
            self._vectorizers.append(vectorizer)
        return hstack(blocks, format="csr")

    def transform(self, texts: Sequence[str]) -> csr_matrix:
        """The weights of the terms of other texts, [texts, terms]."""
        return hstack([vectorizer.transform(texts) for vectorizer in self._vectorizers], format="csr")

    def _options(self) -> list[tuple[str, dict[str, Any]]]:
        """The sets of features, each with the options of its vectorizer."""
        options: dict[str, dict[str, Any]] = {
            "words": {"token_pattern": WORD, "ngram_range": (1, 2)},
            "negation": {"analyzer": negation_terms},
            "informative": {"analyzer": self._informative},
            "clauses": {"analyzer": self._within_clauses},
            "subject": {"analyzer": self._by_subject},
            "characters": {"analyzer": "char_wb", "ngram_range": (3, 5)},
        }
        return [(name, options[name]) for name in self.names]

    def _clauses(self, sentence: str) -> list[list[str]]:
        clauses = marked_clauses(sentence)
        return [clause for clause in clauses if clause_form(clause) not in self.normal] if self.normal else clauses

    def _informative(self, text: str) -> list[str]:
        terms: list[str] = []
        for sentence in sentences_of(text):
            words = [word for clause in self._clauses(sentence) for word in clause]
            terms += words
            terms += [f"{first} {second}" for first, second in pairwise(words)]
        return terms

    def _within_clauses(self, text: str) -> list[str]:
        return [
            f"{one} & {other}" if one < other else f"{other} & {one}"
            for sentence in sentences_of(text)
            for clause in self._clauses(sentence)
            for at, one in enumerate(clause)
            for other in clause[at + 1 : at + 1 + CLAUSE_REACH]
        ]

    def _by_subject(self, text: str) -> list[str]:
        terms: list[str] = []
        subject = ""
        for sentence in sentences_of(text):
            heading = _HEADING.match(sentence)
            if heading is not None:
                subject = self._subject(stem((_WORD.findall(heading[1].lower()) or [""])[-1]))
            for clause in self._clauses(sentence):
                plain = [stem(word.removeprefix("not_")) for word in clause]
                named = (word for word in plain if word in self.subjects or word in self.groups)
                subject = next((self._subject(word) for word in named), subject)
                terms += [f"{subject} > {word}" for word in clause]
        return terms

    def _subject(self, word: str) -> str:
        return self.groups.get(word, word)


def stem(word: str) -> str:
    """A word without the ending of its plural."""
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def clause_form(clause: Sequence[str]) -> str:
    """The form in which clauses are compared: any number is alike."""
    return _DIGITS.sub("#", " ".join(clause))


def group_words(groups: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The group of each word, without the ending of its plural, that occurs in the names of exactly one group and of
    its labels. `groups` has the labels of each group."""
    found: dict[str, set[str]] = {}
    for group, labels in groups.items():
        for name in (group, *labels):
            for word in _WORD.findall(name.lower()):
                if word not in NEGATIONS and not word.isdigit():
                    found.setdefault(stem(word), set()).add(group)
    return {word: next(iter(names)) for word, names in found.items() if len(names) == 1}


def subject_words(texts: Sequence[str]) -> frozenset[str]:
    """The words of texts that occur in the place of a subject, without the ending of their plurals."""
    placed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    for text in texts:
        words = [stem(word) for word in _WORD.findall(text.lower())]
        total.update(words)
        rows.update(set(words))
        for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
            placed[word] += before in _BEFORE_SUBJECT or after in _AFTER_SUBJECT
    return frozenset(
        word
        for word, count in placed.items()
        if rows[word] >= SUBJECT_ROWS and count >= SUBJECT_SHARE * total[word] and not word.isdigit()
    )


def normal_clauses(texts: Sequence[str], gold: Flags) -> frozenset[str]:
    """The forms of frequent clauses in whose rows no label is more frequent than by chance."""
    rows: dict[str, set[int]] = {}
    for at, text in enumerate(texts):
        for sentence in sentences_of(text):
            for clause in marked_clauses(sentence):
                rows.setdefault(clause_form(clause), set()).add(at)
    share = gold.mean(axis=0)
    normal = set()
    for form, found in rows.items():
        if len(found) < NORMAL_ROWS:
            continue
        expected = len(found) * share
        spread = np.sqrt(np.maximum(expected * (1 - share), 1e-9))
        seen = gold[sorted(found)].sum(axis=0)
        # Rare labels: one case is not evidence.
        if not ((seen >= 2) & ((seen - expected) / spread >= NORMAL_LIFT)).any():
            normal.add(form)
    return frozenset(normal)
