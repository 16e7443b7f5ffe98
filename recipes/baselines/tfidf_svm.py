"""The TF-IDF + linear SVM baseline: `python -m recipes.baselines.tfidf_svm REQUEST`.

Terms are words and pairs of words (`features.py`), weighted by TF-IDF. If the texts have no word that occurs twice,
terms that occur once count, and then sequences of one to three characters. There is one linear SVM for each label,
and one threshold for all labels. The threshold, and whether negated words are marked (`features.py`), maximise
micro-F1 under cross-validation on the training rows; rows of one group are in one fold (`row_groups`). Negation is only
marked if it improves micro-F1 by at least `MIN_GAIN`. Test rows select nothing.

With the parameter `single`, each case has exactly one label: the answer is the label with the largest margin, whatever
its sign, and there is no threshold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import KFold
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

from recipes.baselines.features import WORD, negation_terms
from recipes.baselines.rows import Answers, Report, row_groups, silent, write_answers
from recipes.common.files import read_rows
from recipes.common.protocol import Step, main

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Terms = Callable[[str], list[str]] | None
"""Function from a text to its terms; None means words and pairs of words."""

FEATURES: Mapping[str, Terms] = {"words": None, "negation": negation_terms}
"""In the order of complexity."""

MIN_GAIN = 0.005
"""Minimum gain in micro-F1 of more complex features."""


def run(step: Step) -> dict[str, Any]:
    """Train on the language model's training rows, and answer the test rows in their order."""
    train, test = list(read_rows(step.inputs["train"])), list(read_rows(step.inputs["test"]))

    def report(done: int, total: int) -> None:
        step.check_interrupt()
        step.progress(force=True, done=done, total=total, unit="fits")

    answers = answer(train, [row["input"] for row in test], step.params, report=report)
    write_answers(step.output, test, answers)
    return {**answers.evidence, "rows": len(train), "labels": len(answers.names)}


def answer(
    train: Sequence[Mapping[str, Any]], cases: Sequence[str], params: Mapping[str, Any], *, report: Report
) -> Answers:
    """The answers to cases of a classifier that is trained on `train`."""
    texts = [row["input"] for row in train]
    groups = row_groups(train)
    binarizer = MultiLabelBinarizer()
    gold: Flags = binarizer.fit_transform([[label.strip() for label in row["gold"]] for row in train]).astype(bool)
    folds, seed, single = params["folds"], params["seed"], params.get("single", False)
    tried: dict[str, tuple[float, float]] = {}
    for at, (name, terms) in enumerate(FEATURES.items()):
        tried[name] = choose_threshold(
            texts,
            gold,
            groups=groups,
            terms=terms,
            folds=folds,
            seed=seed,
            single=single,
            report=report,
            done=at * folds,
        )
    best = "words"
    for name, (_, f1) in tried.items():
        if f1 >= tried[best][1] + MIN_GAIN:
            best = name
    threshold = tried[best][0]
    scores = margins(texts, gold, cases, terms=FEATURES[best], seed=seed)
    f1_by_features = {name: round(f1, 4) for name, (_, f1) in tried.items()}
    cut = None if single else threshold
    evidence = {"threshold": cut, "features": best, "micro_f1_by_features": f1_by_features}
    return Answers([str(label) for label in binarizer.classes_], scores, cut, evidence)


def margins(texts: Sequence[str], gold: Flags, cases: Sequence[str], *, terms: Terms = None, seed: int) -> Floats:
    """Signed distances from the hyperplane of each label, [cases, labels]. They are +1 for a label that every text has,
    and -1 for a label that no text has."""
    vectorizer = fitted_terms(texts, terms)
    if vectorizer is None or not cases:
        return np.broadcast_to(np.where(gold.all(axis=0), 1.0, -1.0), (len(cases), gold.shape[1])).copy()
    fitted: csr_matrix = vectorizer.transform(texts)
    unseen: csr_matrix = vectorizer.transform(cases)
    scores = np.empty((len(cases), gold.shape[1]))
    for column in range(gold.shape[1]):
        has = gold[:, column]
        if has.all() or not has.any():
            scores[:, column] = 1.0 if has.all() else -1.0
            continue
        classifier = LinearSVC(C=1.0, random_state=seed)
        scores[:, column] = classifier.fit(fitted, has).decision_function(unseen)
    return scores


def fitted_terms(texts: Sequence[str], terms: Terms) -> TfidfVectorizer | None:
    """TF-IDF weights of the terms of texts. None if the texts have no characters."""
    words: dict[str, Any] = {"token_pattern": WORD, "ngram_range": (1, 2)} if terms is None else {"analyzer": terms}
    characters: dict[str, Any] = {"analyzer": "char", "ngram_range": (1, 3)}
    for options in ({"min_df": 2 if len(texts) > 20 else 1, **words}, words, characters):
        try:
            return TfidfVectorizer(sublinear_tf=True, **options).fit(texts)
        except ValueError:
            # Raised if no term is left.
            continue
    return None


def choose_threshold(
    texts: Sequence[str],
    gold: Flags,
    *,
    groups: Sequence[str],
    terms: Terms = None,
    folds: int,
    seed: int,
    single: bool = False,
    report: Report = silent,
    done: int = 0,
) -> tuple[float, float]:
    """The margin above which a label is predicted, and its micro-F1. It maximises micro-F1 over held-out folds of the
    training rows, each with its group in `groups`; of equal ones, the margin nearest to 0 wins. (0, 0) with fewer
    groups than folds. With `single`, the label with the largest margin is predicted, and the threshold is 0. `done` is
    the number of folds that were fitted before, for progress."""
    # In the order of their first rows: without groups, the folds are those of the rows.
    names = list(dict.fromkeys(groups))
    if len(names) < folds or gold.shape[1] == 0:
        return 0.0, 0.0
    held_out = np.empty(gold.shape)
    for fold, (_, held) in enumerate(KFold(folds, shuffle=True, random_state=seed).split(names)):
        held_names = {names[at] for at in held}
        is_held = np.array([group in held_names for group in groups])
        fit, rest = np.flatnonzero(~is_held), np.flatnonzero(is_held)
        report(done + fold, folds * len(FEATURES) + 1)
        held_out[rest] = margins(
            [texts[int(at)] for at in fit], gold[fit], [texts[int(at)] for at in rest], terms=terms, seed=seed
        )
    if single:
        return 0.0, float(gold[np.arange(len(gold)), held_out.argmax(axis=1)].mean())
    order = np.argsort(-held_out, axis=None, kind="stable")
    values, correct = held_out.ravel()[order], np.cumsum(gold.ravel()[order])
    f1 = 2 * correct / (np.arange(1, len(values) + 1) + gold.sum())
    # The threshold must be between two different margins.
    f1[:-1][values[:-1] == values[1:]] = -1.0
    best = np.flatnonzero(f1 == f1.max())
    cuts = [(values[at] + values[at + 1]) / 2 if at + 1 < len(values) else values[at] - 1 for at in best]
    return float(min(cuts, key=abs)), float(f1.max())


if __name__ == "__main__":
    main(run)
