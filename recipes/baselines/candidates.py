"""The labels that a classifier finds most likely for each row: `python -m recipes.baselines.candidates REQUEST`.

A language model that learns from candidates must see the errors that the classifier makes on new texts. So the
candidates of a training row are from a classifier that is chosen and trained on the other folds of the training rows.
Rows of one group are in one fold (`row_groups`). The candidates of all other rows are from a classifier of all training
rows.

Inputs: `train`, and `validation` and `eval`, which may be absent. With the parameter `cross_fit` false, training rows
get no candidates. Outputs: for each of the three, `<name>.jsonl` with `{"id", "candidates": [{"label", "score"}],
"predicted"}`, the best first, at most `MOST`. `predicted` is the number of labels, the first ones, that the classifier
predicts. `linear.py` and `tfidf_svm.py` define the scores.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sklearn.model_selection import KFold

from recipes.baselines import linear, tfidf_svm
from recipes.baselines.rows import Answers, Report, row_groups
from recipes.common.files import read_rows
from recipes.common.protocol import Step, main

Rows = Sequence[Mapping[str, Any]]

OUTER_FOLDS = 5
"""Number of parts of the training rows; the candidates of a part are from the others."""

MOST = 100
"""Maximum number of candidates of a row."""


def run(step: Step) -> dict[str, Any]:
    """Write the candidates of each split."""
    train = list(read_rows(step.inputs["train"]))
    others = {
        name: list(read_rows(step.inputs[name])) if name in step.inputs else [] for name in ("validation", "eval")
    }
    parts = parts_of(row_groups(train), step.params["seed"]) if step.params["cross_fit"] else []
    groups = linear.groups_of(step)
    fitted = 0
    total = len(parts) + 1

    def report(done: int, fits: int) -> None:
        step.check_interrupt()
        step.progress(force=True, done=fitted * fits + done, total=total * fits, unit="fits")

    def answer(rows: Rows, cases: Rows) -> Answers:
        nonlocal fitted
        texts = [row["input"] for row in cases]
        answers = answers_of(step.params, rows, texts, groups, report)
        fitted += 1
        return answers

    found: dict[int, str] = {}
    for part in parts:
        held = set(part)
        answers = answer([row for at, row in enumerate(train) if at not in held], [train[at] for at in part])
        found.update((at, line_of(train[at], answers, case)) for case, at in enumerate(part))
    write(step.output / "train.jsonl", [found[at] for at in sorted(found)])
    cases = [row for rows in others.values() for row in rows]
    answers = answer(train, cases)
    lines = [line_of(row, answers, case) for case, row in enumerate(cases)]
    for name, rows in others.items():
        write(step.output / f"{name}.jsonl", lines[: len(rows)])
        lines = lines[len(rows) :]
    return {**answers.evidence, "rows": len(train), "labels": len(answers.names), "parts": len(parts)}


def answers_of(
    params: Mapping[str, Any], rows: Rows, texts: Sequence[str], groups: Mapping[str, str], report: Report
) -> Answers:
    """The answers to texts of the classifier that `params` names, trained on `rows`."""
    if params["classifier"] == "linear":
        return linear.answer(rows, texts, params, groups=groups, report=report)
    return tfidf_svm.answer(rows, texts, params, report=report)


def parts_of(groups: Sequence[str], seed: int) -> list[list[int]]:
    """The rows of each part. With one group there is one part, whose rows get no candidates."""
    names = list(dict.fromkeys(groups))
    if len(names) < 2:
        return [list(range(len(groups)))] if names else []
    folds = KFold(min(OUTER_FOLDS, len(names)), shuffle=True, random_state=seed)
    part_of = {names[at]: part for part, (_, held) in enumerate(folds.split(names)) for at in held}
    rows: list[list[int]] = [[] for _ in range(folds.get_n_splits())]
    for at, group in enumerate(groups):
        rows[part_of[group]].append(at)
    return rows


def line_of(row: Mapping[str, Any], answers: Answers, case: int) -> str:
    """The line of a row."""
    candidates = [
        {"label": answers.names[at], "score": round(float(answers.margins[case, at]), 6)}
        for at in answers.order(case)[:MOST]
    ]
    predicted = min(len(answers.chosen(case)), MOST)
    return json.dumps({"id": row["id"], "candidates": candidates, "predicted": predicted}, ensure_ascii=False)


def write(path: Path, lines: Sequence[str]) -> None:
    """Write lines to a file."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


if __name__ == "__main__":
    main(run)
