"""The TF-IDF baseline: learns what words say and repeats itself exactly."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from recipes.baselines.tfidf_svm import run
from recipes.common.protocol import Step


def rows(count: int, labels: int, words: int, seed: int) -> list[dict[str, Any]]:
    """Texts in which each label shows by a word of its own, among noise; rare labels last."""
    draw = random.Random(seed)
    made = []
    for at in range(count):
        gold = sorted({min(int(draw.expovariate(5 / labels)), labels - 1) for _ in range(draw.randint(1, 5))})
        text = [f"sign{label}" for label in gold] + [f"noise{draw.randrange(900)}" for _ in range(words)]
        draw.shuffle(text)
        made.append({"id": f"case-{at}", "input": " ".join(text), "gold": [f" label {label}" for label in gold]})
    return made


def answer(tmp: Path, train: list[dict[str, Any]], test: list[dict[str, Any]]) -> list[dict[str, Any]]:
    paths = {"train": tmp / "train.jsonl", "test": tmp / "test.jsonl"}
    for name, data in (("train", train), ("test", test)):
        paths[name].write_text("".join(json.dumps(row) + "\n" for row in data))
    step = Step(
        name="generate.tfidf_svm",
        params={"baseline": "tfidf_svm", "folds": 3, "seed": 1},
        inputs=paths,
        places={},
        output=tmp,
        work=tmp,
        progress_path=tmp / "progress.jsonl",
        cores=1,
    )
    run(step)
    return [json.loads(line) for line in (tmp / "responses.jsonl").read_text().splitlines()]


def micro_f1(answers: list[dict[str, Any]], test: list[dict[str, Any]]) -> float:
    pairs = [
        (set(one["labels"]), {label.strip() for label in row["gold"]}) for one, row in zip(answers, test, strict=True)
    ]
    right = sum(len(found & gold) for found, gold in pairs)
    return 2 * right / sum(len(found) + len(gold) for found, gold in pairs)


def test_learns_and_answers_in_the_order_of_the_cases(tmp_path: Path) -> None:
    train, test = rows(600, 8, 6, seed=1), rows(60, 8, 6, seed=2)
    answers = answer(tmp_path, train, test)
    assert [one["id"] for one in answers] == [row["id"] for row in test]
    assert micro_f1(answers, test) > 0.9
    assert answer(tmp_path, train, test) == answers


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_rows_and_labels_that_all_have(tmp_path: Path, count: int) -> None:
    train = [{"id": str(at), "input": f"word{at} alike", "gold": ["same"]} for at in range(count)]
    assert answer(tmp_path, train, train[:1]) == [{"id": "0", "labels": ["same"]}]


def test_words_that_training_never_had_give_no_error(tmp_path: Path) -> None:
    answers = answer(tmp_path, rows(40, 4, 5, seed=1), [{"id": "new", "input": "unheard", "gold": []}])
    assert answers[0]["id"] == "new"
