"""The linear baseline with chosen features: `python -m recipes.baselines.linear REQUEST`.

There is one linear classifier for each label. Cross-validation on the training rows chooses, in this order, the kind of
classifier (`MODELS`), the features of words (`WORD_FEATURES`), further features (`MORE_FEATURES`), and the shrinkage of
the thresholds (`SHRINKAGE`). `linear_features.py` defines the features. A more complex choice is only made if it
improves the score by at least `MIN_GAIN`. Rows of one group are in one fold (`row_groups`). Test rows select nothing.

Labels that differ only in case, width of characters, spaces or punctuation at the end are one label, written as most
training rows write it.

The threshold of a label lies between the common threshold and its own best one: the more training rows have the label,
the nearer it is to its own. Margins are shifted by the difference, so that one threshold applies to all of them. For
logistic regression, a margin is 2p - 1 of the probability p.

The input `groups`, which may be absent, has the labels of each group as a JSON object: some features use their words.

With the parameter `single`, each case has exactly one label: the answer is the label with the largest margin, whatever
its sign, the score is the accuracy, and there is no threshold.
"""

from __future__ import annotations

import unicodedata
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.svm import LinearSVC

from recipes.baselines.linear_features import Terms, group_words
from recipes.baselines.rows import Answers, Report, row_groups, write_answers
from recipes.common.files import read_json, read_rows
from recipes.common.protocol import Step, main

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Whole = NDArray[np.int64]

MODELS: Mapping[str, Callable[[int], Any]] = {
    "svm": lambda seed: LinearSVC(C=1.0, random_state=seed),
    "logistic": lambda seed: LogisticRegression(C=30.0, class_weight="balanced", solver="liblinear", random_state=seed),
    "sparse_svm": lambda seed: LinearSVC(penalty="l1", dual=False, C=2.0, tol=0.01, random_state=seed),
    "sparse_logistic": lambda seed: LogisticRegression(
        l1_ratio=1.0, C=10.0, tol=0.01, solver="liblinear", random_state=seed
    ),
}
"""Kinds of classifiers. Sparse ones have an L1 penalty: a label depends on few terms. Their tolerance is the default of
LIBLINEAR; that of scikit-learn takes several times as long."""

WORD_FEATURES = ("negation", "words", "informative")
"""Features of words, of which one set is chosen. The first one is that with which the classifier is chosen."""

MORE_FEATURES = ("clauses", "subject", "characters")
"""Features that are added to those of words, each if it improves the score."""

SHRINKAGE = (None, 100, 30, 10)
"""Numbers of rows with a label at which its threshold is halfway between the common one and its own. None: all labels
have the common threshold."""

MIN_GAIN = 0.005
"""Minimum gain in micro-F1 of a more complex choice."""

MOST_ROWS = 3000
"""Number of training rows, the first ones in random order of their groups, on which choices are made."""


@dataclass(frozen=True)
class Thresholds:
    """The threshold of each label, as the common one and the shifts of margins that replace the differences."""

    common: float
    shifts: Floats


def run(step: Step) -> dict[str, Any]:
    """Train on the language model's training rows, and answer the test rows in their order."""
    train, test = list(read_rows(step.inputs["train"])), list(read_rows(step.inputs["test"]))

    def report(done: int, total: int) -> None:
        step.check_interrupt()
        step.progress(force=True, done=done, total=total, unit="fits")

    answers = answer(train, [row["input"] for row in test], step.params, groups=groups_of(step), report=report)
    write_answers(step.output, test, answers)
    return {**answers.evidence, "rows": len(train), "labels": len(answers.names)}


def groups_of(step: Step) -> dict[str, str]:
    """The group of each word that names one. Empty without groups of labels."""
    return group_words(read_json(step.inputs["groups"])) if "groups" in step.inputs else {}


def answer(
    train: Sequence[Mapping[str, Any]],
    cases: Sequence[str],
    params: Mapping[str, Any],
    *,
    groups: Mapping[str, str],
    report: Report,
) -> Answers:
    """The answers to cases of a classifier that is chosen and trained on `train`."""
    texts = [row["input"] for row in train]
    spellings: dict[str, Counter[str]] = {}
    for row in train:
        for label in row["gold"]:
            spellings.setdefault(label_form(label), Counter())[label.strip()] += 1
    spellings.pop("", None)
    binarizer = MultiLabelBinarizer()
    forms = [{label_form(label) for label in row["gold"]} - {""} for row in train]
    gold: Flags = binarizer.fit_transform(forms).astype(bool)
    names = [spellings[form].most_common(1)[0][0] for form in binarizer.classes_]
    seed, single = params["seed"], params.get("single", False)
    fold_of = folds_of(row_groups(train), params["folds"], seed)
    model, features, thresholds, scores = choose(
        texts, gold, fold_of, seed=seed, single=single, groups=groups, report=report
    )
    margins = fit_margins(texts, gold, cases, features, model, seed, groups) + thresholds.shifts
    threshold = None if single else thresholds.common
    evidence = {"model": model, "features": list(features), "threshold": threshold, **scores}
    return Answers(names, margins, threshold, evidence)


def label_form(label: str) -> str:
    """The form in which labels are compared. Empty for a label without characters that count."""
    return " ".join(unicodedata.normalize("NFKC", label).casefold().split()).rstrip(" .,;:!?\u3002\uff0c\u3001")


def folds_of(groups: Sequence[str], folds: int, seed: int) -> Whole | None:
    """The fold of each row; -1 for rows that make no choice. None with fewer groups than folds."""
    # In the order of their first rows: without groups, the folds are those of the rows.
    names = list(dict.fromkeys(groups))
    if len(names) < folds:
        return None
    fold_of_name = {
        names[at]: fold
        for fold, (_, held) in enumerate(KFold(folds, shuffle=True, random_state=seed).split(names))
        for at in held
    }
    fold_of = np.array([fold_of_name[group] for group in groups])
    order = {names[at]: place for place, at in enumerate(np.random.default_rng(seed).permutation(len(names)))}
    by_order = np.argsort([order[group] for group in groups], kind="stable")
    fold_of[by_order[MOST_ROWS:]] = -1
    return fold_of


def choose(
    texts: Sequence[str],
    gold: Flags,
    fold_of: Whole | None,
    *,
    seed: int,
    single: bool,
    groups: Mapping[str, str],
    report: Report,
) -> tuple[str, tuple[str, ...], Thresholds, dict[str, Any]]:
    """The classifier, its features and its thresholds, and the scores of all candidates."""
    model = next(iter(MODELS))
    features: tuple[str, ...] = WORD_FEATURES[:1]
    same = Thresholds(0.0, np.zeros(gold.shape[1]))
    if fold_of is None or gold.shape[1] == 0:
        return model, features, same, {}
    used = np.flatnonzero(fold_of >= 0)
    fold_of, gold, texts = fold_of[used], gold[used], [texts[int(at)] for at in used]
    folds = int(fold_of.max()) + 1
    fits = (len(MODELS) + len(WORD_FEATURES) - 1 + len(MORE_FEATURES)) * folds + 1
    tried: dict[str, float] = {}
    kept = np.empty(gold.shape)

    def score(model: str, features: tuple[str, ...]) -> tuple[float, Floats]:
        held_out = np.empty(gold.shape)
        for fold in range(folds):
            report(len(tried) * folds + fold, fits)
            fit, rest = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
            cases = [texts[int(at)] for at in rest]
            own = [texts[int(at)] for at in fit]
            held_out[rest] = fit_margins(own, gold[fit], cases, features, model, seed, groups)
        value = accuracy(held_out, gold) if single else cross_fitted(held_out, gold, fold_of, None)
        tried[f"{model}: {' + '.join(features)}"] = value
        return value, held_out

    best = -1.0
    for name in MODELS:
        value, held_out = score(name, features)
        if value >= best + MIN_GAIN:
            best, model, kept = value, name, held_out
    for words in WORD_FEATURES[1:]:
        value, held_out = score(model, (words,))
        if value >= best + MIN_GAIN:
            best, features, kept = value, (words,), held_out
    for more in MORE_FEATURES:
        value, held_out = score(model, (*features, more))
        if value >= best + MIN_GAIN:
            best, features, kept = value, (*features, more), held_out
    scores = {name: round(value, 4) for name, value in tried.items()}
    if single:
        return model, features, same, {"accuracy_by_candidate": scores}
    by_shrinkage = {shrinkage: cross_fitted(kept, gold, fold_of, shrinkage) for shrinkage in SHRINKAGE}
    shrinkage = SHRINKAGE[0]
    for candidate, value in by_shrinkage.items():
        if value >= by_shrinkage[shrinkage] + MIN_GAIN:
            shrinkage = candidate
    return (
        model,
        features,
        thresholds_of(kept, gold, shrinkage),
        {
            "micro_f1_by_candidate": scores,
            "shrinkage": shrinkage,
            "micro_f1_by_shrinkage": {
                "common" if rows is None else str(rows): round(value, 4) for rows, value in by_shrinkage.items()
            },
        },
    )


def fit_margins(
    texts: Sequence[str],
    gold: Flags,
    cases: Sequence[str],
    features: Sequence[str],
    model: str,
    seed: int,
    groups: Mapping[str, str],
) -> Floats:
    """The margins of each label, [cases, labels]. They are +1 for a label that every text has, and -1 for a label that
    no text has."""
    terms = Terms(features, groups)
    fitted = terms.fit(texts, gold)
    margins = np.broadcast_to(np.where(gold.all(axis=0), 1.0, -1.0), (len(cases), gold.shape[1])).copy()
    if fitted is None or not cases:
        return margins
    unseen = terms.transform(cases)
    with warnings.catch_warnings():
        # Cross-validation scores what the solver reaches within its iterations.
        warnings.simplefilter("ignore", ConvergenceWarning)
        for column in range(gold.shape[1]):
            has = gold[:, column]
            if has.all() or not has.any():
                continue
            scores = MODELS[model](seed).fit(fitted, has).decision_function(unseen)
            margins[:, column] = np.tanh(scores / 2) if model.endswith("logistic") else scores
    return margins


def accuracy(margins: Floats, gold: Flags) -> float:
    """The share of cases whose label with the largest margin is right."""
    return float(gold[np.arange(len(gold)), margins.argmax(axis=1)].mean())


def cross_fitted(margins: Floats, gold: Flags, fold_of: Whole, shrinkage: int | None) -> float:
    """Micro-F1 of held-out margins, with the thresholds for each fold from the other folds."""
    right = predicted = 0
    for fold in range(int(fold_of.max()) + 1):
        held = fold_of == fold
        thresholds = thresholds_of(margins[~held], gold[~held], shrinkage)
        chosen = margins[held] + thresholds.shifts > thresholds.common
        right, predicted = right + int((chosen & gold[held]).sum()), predicted + int(chosen.sum())
    return float(2 * right / max(1, predicted + int(gold.sum())))


def thresholds_of(margins: Floats, gold: Flags, shrinkage: int | None) -> Thresholds:
    """The thresholds that maximise micro-F1 on margins. The own threshold of a label maximises its part of micro-F1
    with the other labels as they are: each predicted case gains 2 if it is right, and costs micro-F1."""
    common, f1 = best_cut(margins.ravel(), gold.ravel(), None)
    shifts = np.zeros(gold.shape[1])
    if shrinkage is not None:
        for column in range(gold.shape[1]):
            rows = int(gold[:, column].sum())
            own = best_cut(margins[:, column], gold[:, column], f1, near=common)[0]
            shifts[column] = (common - own) * rows / (rows + shrinkage)
    return Thresholds(common, shifts)


def best_cut(margins: Floats, gold: Flags, cost: float | None, *, near: float = 0.0) -> tuple[float, float]:
    """The threshold with the highest F1, or, with a cost of each predicted case, with the highest gain, and this
    value. Of equal ones, the threshold nearest to `near` wins. No case is predicted if each choice loses."""
    order = np.argsort(-margins, kind="stable")
    values, correct = margins[order], np.cumsum(gold[order])
    count = np.arange(1, len(values) + 1)
    gains = 2 * correct / (count + gold.sum()) if cost is None else 2 * correct - cost * count
    # The threshold must be between two different margins.
    gains = np.where(np.append(values[:-1] == values[1:], False), -np.inf, gains)
    if cost is not None and gains.max() < 0:
        return float(values[0]) + 1.0, 0.0
    best = np.flatnonzero(gains == gains.max())
    cuts = [(values[at] + values[at + 1]) / 2 if at + 1 < len(values) else values[at] - 1 for at in best]
    return float(min(cuts, key=lambda cut: abs(cut - near))), float(gains.max())


if __name__ == "__main__":
    main(run)
