"""The TF-IDF + linear SVM baseline for JSON objects: `python -m recipes.baselines.tfidf_fields REQUEST`.

A key whose values repeat in the training rows is classified: terms and classifiers are those of `tfidf_svm`, with one
class for each value, and one for rows without the key. Any other key gets its most frequent value; a key that fewer
than half of the rows have is absent. Nothing is selected, so that no rows are held out.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from recipes.baselines.tfidf_svm import margins
from recipes.common.files import read_rows
from recipes.common.protocol import Step, main

MOST_VALUES = 50
MIN_REPEATS = 2
"""A key is classified if it has at most so many values, each of which occurs so often on average."""


def run(step: Step) -> dict[str, Any]:
    """Train on the language model's training rows, and answer the test rows in their order."""
    train, test = list(read_rows(step.inputs["train"])), list(read_rows(step.inputs["test"]))
    texts, cases = [row["input"] for row in train], [row["input"] for row in test]
    answers: list[dict[str, Any]] = [{} for _ in test]
    classified = []
    for key in dict.fromkeys(key for row in train for key in row["gold"]):
        written = [json.dumps(row["gold"][key]) if key in row["gold"] else None for row in train]
        counts = Counter(written)
        if 2 <= len(counts) <= MOST_VALUES and len(written) >= MIN_REPEATS * len(counts):
            classified.append(key)
            values = classify(texts, written, cases, seed=step.params["seed"])
        else:
            values = [most_frequent(counts)] * len(cases)
        for answer, value in zip(answers, values, strict=True):
            if value is not None:
                answer[key] = json.loads(value)
    with (
        (step.output / "responses.jsonl").open("w", encoding="utf-8") as out,
        (step.output / "margins.jsonl").open("w", encoding="utf-8") as margins_file,
    ):
        for row, answer in zip(test, answers, strict=True):
            out.write(json.dumps({"id": row["id"], step.params["key"]: answer}, ensure_ascii=False) + "\n")
            margins_file.write(json.dumps({"id": row["id"], "margins": {}}) + "\n")
    return {"rows": len(train), "classified": classified}


def classify(
    texts: Sequence[str], written: Sequence[str | None], cases: Sequence[str], *, seed: int
) -> list[str | None]:
    """The value with the largest margin for each case, as JSON; None for no value."""
    classes = list(dict.fromkeys(written))
    gold = np.array([[value == one for one in classes] for value in written])
    scores = margins(texts, gold, cases, seed=seed)
    return [classes[int(at)] for at in scores.argmax(axis=1)]


def most_frequent(counts: Counter[str | None]) -> str | None:
    """The most frequent value as JSON; None if fewer than half of the rows have the key."""
    if 2 * counts[None] > counts.total():
        return None
    return max((value for value in counts if value is not None), key=lambda value: counts[value], default=None)


if __name__ == "__main__":
    main(run)
