"""Candidates of a training row are from classifiers that have not seen the row or its copies."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from recipes.baselines import candidates, linear
from recipes.baselines.candidates import parts_of
from recipes.common.protocol import Step

Rows = list[dict[str, Any]]


def rows(count: int, seed: int, prefix: str = "") -> Rows:
    """Texts in which one word of many determines each label. Each text has an own word."""
    draw = random.Random(seed)
    made = []
    for at in range(count):
        gold = [label for label in range(4) if draw.random() < 0.4]
        words = [f"sign{label}" for label in gold] + [f"noise{draw.randrange(9)}" for _ in range(4)]
        draw.shuffle(words)
        name = f"{prefix}{at}"
        made.append({"id": name, "input": " ".join([*words, f"own{name}"]), "gold": [f"Label {one}" for one in gold]})
    return made


def listed(tmp: Path, *, classifier: str = "tfidf_svm", cross_fit: bool = True, **splits: Rows) -> dict[str, list[str]]:
    """The lines of each split."""
    tmp.mkdir(exist_ok=True)
    for name, data in splits.items():
        (tmp / f"in-{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in data))
    step = Step(
        name="candidates",
        params={"classifier": classifier, "folds": 3, "seed": 1, "cross_fit": cross_fit},
        inputs={name: tmp / f"in-{name}.jsonl" for name in splits},
        local_paths={},
        output=tmp,
        work=tmp,
        progress_path=tmp / "progress.jsonl",
        cores=1,
    )
    candidates.run(step)
    return {name: (tmp / f"{name}.jsonl").read_text().splitlines() for name in splits}


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer choices of `linear`."""
    monkeypatch.setattr(linear, "MODELS", {"svm": linear.MODELS["svm"], "sparse_svm": linear.MODELS["sparse_svm"]})
    monkeypatch.setattr(linear, "WORD_FEATURES", ("negation", "words"))
    monkeypatch.setattr(linear, "MORE_FEATURES", ())


@pytest.mark.parametrize("classifier", ["tfidf_svm", "linear"])
def test_candidates_of_a_training_row_do_not_depend_on_its_labels(tmp_path: Path, classifier: str) -> None:
    train, cases = rows(40, 1), rows(5, 2, "e")
    before = listed(tmp_path, classifier=classifier, train=train, eval=cases)
    assert [json.loads(line)["id"] for line in before["train"]] == [row["id"] for row in train]
    for at in (0, 7, 39):
        changed = [*train]
        # Another set, another spelling, and a label that no other row has.
        changed[at] = {**train[at], "gold": ["LABEL 0", "Label 3.", "Label of this row"]}
        after = listed(tmp_path, classifier=classifier, train=changed, eval=cases)
        assert after["train"][at] == before["train"][at]
        assert after["train"] != before["train"]
        assert after["eval"] != before["eval"]


def test_copies_of_a_row_are_in_its_part(tmp_path: Path) -> None:
    train = rows(30, 1)
    copies = [{**train[3], "id": f"3#{copy}", "gold": ["Label 9"]} for copy in range(2, 6)]
    apart = [{**copy, "input": f"{copy['input']} {copy['id']}"} for copy in copies]
    found = {name: json.loads(listed(tmp_path, train=train + more)["train"][3]) for name, more in
             (("copies", copies), ("apart", apart))}  # fmt: skip
    assert "Label 9" not in [one["label"] for one in found["copies"]["candidates"]]
    assert found["apart"]["candidates"][0]["label"] == "Label 9"


def test_other_rows_have_candidates_of_all_training_rows(tmp_path: Path) -> None:
    train, cases = rows(60, 1), rows(20, 2, "e")
    found = listed(tmp_path, train=train, validation=cases[:8], eval=cases[8:])
    lines = [json.loads(line) for line in found["validation"] + found["eval"]]
    assert [line["id"] for line in lines] == [row["id"] for row in cases]
    for line in lines:
        scores = [one["score"] for one in line["candidates"]]
        assert scores == sorted(scores, reverse=True)
        assert len(scores) == 4
        assert line["predicted"] == sum(score > 0 for score in scores)
    right = [
        {one["label"] for one in line["candidates"][: len(row["gold"])]} == set(row["gold"])
        for line, row in zip(lines, cases, strict=True)
    ]
    assert sum(right) >= 18
    unlabelled = [{"id": row["id"], "input": row["input"]} for row in cases]
    alone = listed(tmp_path / "alone", train=train, cross_fit=False, eval=unlabelled)
    assert alone == {"train": [], "eval": found["validation"] + found["eval"]}


def test_few_rows(tmp_path: Path) -> None:
    train = rows(6, 1)
    for count in (1, 2, 6):
        found = listed(tmp_path, train=train[:count], eval=train[5:])
        assert len(found["train"]) == count
    assert json.loads(listed(tmp_path, train=train[:1])["train"][0])["candidates"] == []
    assert parts_of([], 1) == []
    assert sorted(map(len, parts_of(["a", "b", "a", "c"], 1))) == [1, 1, 2]
