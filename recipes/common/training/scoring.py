"""Labels and scores of generated answers, to select a checkpoint during training.

Labels are separated as in `runner/data/labels/split.ts` and normalised as in `runner/data/labels/basic.ts`. The final
evaluation also removes text around an answer. This module does not, so that a checkpoint that follows the trained
format scores higher. Scores have scikit-learn's names and averages; 0 / 0 is 0.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

Row = tuple[frozenset[str], frozenset[str]]
"""(gold labels, predicted labels), in the basic view."""

_SPACE = "\\u0009-\\u000d\\u0020\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000\\ufeff"
_SPACES = re.compile(f"[{_SPACE}]+")
_BLANK = "".join(chr(code) for code in range(0x10000) if re.fullmatch(f"[{_SPACE}]", chr(code)))
_MARKS = "\u00ad\u061c\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069"
_UNSEEN = f"{_BLANK}{_MARKS}\ufe0e\ufe0f"
_TRAILING = " .,;:!?\u3002\uff0c\u3001\u060c\u061b\u061f\u06d4\u0964\u0965\u0589\u1362\u104a\u104b\u17d4"
_DOTLESS_I, _FINAL_SIGMA, _SIGMA = "\u0131", "\u03c2", "\u03c3"
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"', re.DOTALL)
_NO_LABELS = frozenset({"", "none"})


def labels_of(text: str, separator: str, task: str = "label_set") -> frozenset[str]:
    """The labels of a target or an answer, in the basic view. "None" alone is the empty set. For the task single_label
    the whole text is the label. Text before </think> is ignored."""
    answer = text.rpartition("</think>")[2].strip(_BLANK)
    if task == "single_label":
        return frozenset({basic_form(answer)} - {""})
    labels = list(dict.fromkeys(basic_form(piece) for piece in split_labels(answer, separator)))
    if len(labels) == 1 and labels[0] in _NO_LABELS:
        return frozenset()
    return frozenset(label for label in labels if label)


def split_labels(text: str, separator: str) -> list[str]:
    """The pieces of a text between separators, in order: trimmed, without empty pieces and repetitions. A separator
    within brackets does not split, unless the brackets of the text are unbalanced. A piece can be a JSON string."""
    if not separator:
        pieces = [text.strip(_BLANK)]
    else:
        pieces = _pieces(text, separator, brackets=True) or _pieces(text, separator, brackets=False) or []
    return [piece for piece in dict.fromkeys(pieces) if piece]


def basic_form(label: str) -> str:
    """A label in the basic view: NFKC, case folded, single inner spaces, no invisible characters around it, no
    trailing punctuation unless that is all."""
    folded = _fold(unicodedata.normalize("NFKC", label).strip(_UNSEEN))
    text = _SPACES.sub(" ", unicodedata.normalize("NFKC", folded))
    return text.rstrip(_TRAILING) or text


def micro_f1(rows: Sequence[Row]) -> float:
    """F1 over all (row, label) pairs."""
    hits = sum(len(gold & answer) for gold, answer in rows)
    return _ratio(2 * hits, sum(len(gold) + len(answer) for gold, answer in rows))


def macro_f1(rows: Sequence[Row]) -> float:
    """Mean F1 over the labels that occur in gold."""
    hits = _count(gold & answer for gold, answer in rows)
    support = _count(gold for gold, _ in rows)
    total = support + _count(answer for _, answer in rows)
    return _ratio(sum(2 * hits[label] / total[label] for label in sorted(support)), len(support))


def samples_f1(rows: Sequence[Row]) -> float:
    """Mean over rows of the F1 of each row."""
    return _mean(_ratio(2 * len(gold & answer), len(gold) + len(answer)) for gold, answer in rows)


def exact_match(rows: Sequence[Row]) -> float:
    """Share of rows whose answer equals the gold set."""
    return _mean(float(gold == answer) for gold, answer in rows)


def jaccard_samples(rows: Sequence[Row]) -> float:
    """Mean over rows of intersection over union."""
    return _mean(_ratio(len(gold & answer), len(gold | answer)) for gold, answer in rows)


METRICS: Mapping[str, Callable[[Sequence[Row]], float]] = {
    "micro_f1": micro_f1,
    "macro_f1": macro_f1,
    "samples_f1": samples_f1,
    "exact_match": exact_match,
    "jaccard_samples": jaccard_samples,
}
"""Metrics that `keep.best` can name besides the loss. Higher is better."""


def _pieces(text: str, separator: str, *, brackets: bool) -> list[str] | None:
    """None: the brackets do not pair up."""
    cuts: list[str] = []
    open: list[str] = []
    start = at = 0
    while True:
        if at == start and (string := _json_string(text, separator, at)):
            label, following = string
            cuts.append(label)
            if following == len(text):
                return cuts
            start = at = following + len(separator)
            continue
        if at >= len(text):
            break
        if not open and text.startswith(separator, at):
            cuts.append(text[start:at].strip(_BLANK))
            start = at = at + len(separator)
            continue
        if brackets and text[at] in _CLOSING:
            open.append(_CLOSING[text[at]])
        elif brackets and text[at] in _CLOSING.values() and (not open or open.pop() != text[at]):
            return None
        at += 1
    return None if open else [*cuts, text[start:].strip(_BLANK)]


def _json_string(text: str, separator: str, start: int) -> tuple[str, int] | None:
    """A JSON string that is a whole piece from `start` on, and the offset of the separator or of the end after it."""
    quote = _after_blanks(text, separator, start)
    if not text.startswith('"', quote):
        return None
    found = _STRING.match(text, quote)
    if not found:
        return None
    following = _after_blanks(text, separator, found.end())
    if following < len(text) and not text.startswith(separator, following):
        return None
    try:
        return str(json.loads(found.group())).strip(_BLANK), following
    except ValueError:
        return None


def _after_blanks(text: str, separator: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANK and not text.startswith(separator, at):
        at += 1
    return at


def _fold(label: str) -> str:
    """Full case folding by way of upper case: "ß" and "SS" become "ss", every sigma becomes the same, and the dotless i
    is unchanged."""
    lower = label.lower()
    if lower.isascii():
        return lower
    folded = (part.upper().lower() for part in lower.split(_DOTLESS_I))
    return _DOTLESS_I.join(folded).replace(_FINAL_SIGMA, _SIGMA)


def _count(sets: Iterable[frozenset[str]]) -> Counter[str]:
    return Counter(label for labels in sets for label in labels)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return _ratio(sum(listed), len(listed))
