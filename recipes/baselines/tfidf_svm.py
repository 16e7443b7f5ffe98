"""The TF-IDF + linear SVM baseline: `python -m recipes.baselines.tfidf_svm REQUEST`.

Words and pairs of words, weighted by TF-IDF, one linear SVM a label, and one threshold for all of them. Whether words
are marked as negated (`features.py`), and the threshold, are what gives the best micro-F1 under cross-validation on the
training rows; plain words are kept unless the marks gain `WORTH`. The test rows choose nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import KFold
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

from recipes.baselines.features import negation_terms
from recipes.common.protocol import Step, main

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Terms = Callable[[str], list[str]] | None
"""How a text becomes terms; None stands for words and pairs of words."""

FEATURES: Mapping[str, Terms] = {"words": None, "negation": negation_terms}
"""From the simplest on."""

WORTH = 0.005
"""Gain in micro-F1 from which on the less simple features are taken."""


def run(step: Step) -> dict[str, Any]:
    """Train on the rows that the language model is trained on, answer the test rows, in their order."""
    train, test = _read_rows(step.inputs["train"]), _read_rows(step.inputs["test"])
    texts = [row["input"] for row in train]
    binarizer = MultiLabelBinarizer()
    gold: Flags = binarizer.fit_transform([[label.strip() for label in row["gold"]] for row in train]).astype(bool)
    folds, seed = step.params["folds"], step.params["seed"]
    tried: dict[str, tuple[float, float]] = {}
    for at, (name, terms) in enumerate(FEATURES.items()):
        tried[name] = choose_threshold(texts, gold, terms=terms, folds=folds, seed=seed, step=step, done=at * folds)
    best = "words"
    for name, (_, f1) in tried.items():
        if f1 >= tried[best][1] + WORTH:
            best = name
    threshold = tried[best][0]
    scores = margins(texts, gold, [row["input"] for row in test], terms=FEATURES[best], seed=seed)
    with (
        (step.output / "responses.jsonl").open("w", encoding="utf-8") as out,
        (step.output / "margins.jsonl").open("w", encoding="utf-8") as sure,
    ):
        for row, case in zip(test, scores, strict=True):
            order = np.argsort(-case, kind="stable")
            labels = [str(binarizer.classes_[at]) for at in order if case[at] > threshold]
            out.write(json.dumps({"id": row["id"], "labels": labels}, ensure_ascii=False) + "\n")
            # Below -1 a label is ruled out, however far.
            above = {str(binarizer.classes_[at]): round(float(case[at]), 6) for at in order if case[at] > -1.0}
            sure.write(json.dumps({"id": row["id"], "margins": above}, ensure_ascii=False) + "\n")
    return {
        "threshold": threshold,
        "features": best,
        "micro_f1_by_features": {name: round(f1, 4) for name, (_, f1) in tried.items()},
        "rows": len(train),
        "labels": len(binarizer.classes_),
    }


def margins(texts: Sequence[str], gold: Flags, cases: Sequence[str], *, terms: Terms = None, seed: int) -> Floats:
    """Signed distances from each label's hyperplane, (cases, labels). A label that every text has, or none, gets +1 or
    -1 throughout."""
    how: dict[str, Any] = {"ngram_range": (1, 2)} if terms is None else {"analyzer": terms}
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2 if len(texts) > 20 else 1, **how)
    seen: csr_matrix = vectorizer.fit_transform(texts)
    asked: csr_matrix = vectorizer.transform(cases)
    scores = np.empty((len(cases), gold.shape[1]))
    for column in range(gold.shape[1]):
        has = gold[:, column]
        if has.all() or not has.any():
            scores[:, column] = 1.0 if has.all() else -1.0
            continue
        classifier = LinearSVC(C=1.0, random_state=seed)
        scores[:, column] = classifier.fit(seen, has).decision_function(asked)
    return scores


def choose_threshold(
    texts: Sequence[str],
    gold: Flags,
    *,
    terms: Terms = None,
    folds: int,
    seed: int,
    step: Step | None = None,
    done: int = 0,
) -> tuple[float, float]:
    """The margin above which a label is given, and its micro-F1: the best over held-out folds of the training rows,
    ties to the one nearest 0. (0, 0) where there are fewer rows than folds. `done`: folds that were fitted before."""
    if len(texts) < folds or gold.shape[1] == 0:
        return 0.0, 0.0
    held_out = np.empty(gold.shape)
    for fold, (fit, rest) in enumerate(KFold(folds, shuffle=True, random_state=seed).split(texts)):
        if step is not None:
            step.check_interrupt()
            step.progress(force=True, done=done + fold, total=folds * len(FEATURES) + 1, unit="fits")
        held_out[rest] = margins(
            [texts[at] for at in fit], gold[fit], [texts[at] for at in rest], terms=terms, seed=seed
        )
    order = np.argsort(-held_out, axis=None, kind="stable")
    values, right = held_out.ravel()[order], np.cumsum(gold.ravel()[order])
    f1 = 2 * right / (np.arange(1, len(values) + 1) + gold.sum())
    # A cut lies between two different margins.
    f1[:-1][values[:-1] == values[1:]] = -1.0
    best = np.flatnonzero(f1 == f1.max())
    cuts = [(values[at] + values[at + 1]) / 2 if at + 1 < len(values) else values[at] - 1 for at in best]
    return float(min(cuts, key=abs)), float(f1.max())


def _read_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


if __name__ == "__main__":
    main(run)
