"""The TF-IDF baseline learns from words, is reproducible, and marks negation."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from recipes.baselines.features import mark_negation, negation_terms
from recipes.baselines.tfidf_svm import run
from recipes.common.protocol import Step


def rows(count: int, labels: int, words: int, seed: int) -> list[dict[str, Any]]:
    """Texts of noise words and one word for each of their labels. Labels are sorted by frequency."""
    draw = random.Random(seed)
    made = []
    for at in range(count):
        gold = sorted({min(int(draw.expovariate(5 / labels)), labels - 1) for _ in range(draw.randint(1, 5))})
        text = [f"sign{label}" for label in gold] + [f"noise{draw.randrange(900)}" for _ in range(words)]
        draw.shuffle(text)
        made.append({"id": f"case-{at}", "input": " ".join(text), "gold": [f" label {label}" for label in gold]})
    return made


def answer(tmp: Path, train: list[dict[str, Any]], test: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return answer_and_evidence(tmp, train, test)[0]


def answer_and_evidence(
    tmp: Path, train: list[dict[str, Any]], test: list[dict[str, Any]], **params: Any
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    paths = {"train": tmp / "train.jsonl", "test": tmp / "test.jsonl"}
    for name, data in (("train", train), ("test", test)):
        paths[name].write_text("".join(json.dumps(row) + "\n" for row in data))
    step = Step(
        name="generate.tfidf_svm",
        params={"baseline": "tfidf_svm", "folds": 3, "seed": 1, **params},
        inputs=paths,
        local_paths={},
        output=tmp,
        work=tmp,
        progress_path=tmp / "progress.jsonl",
        cores=1,
    )
    evidence = run(step)
    return [json.loads(line) for line in (tmp / "responses.jsonl").read_text().splitlines()], evidence


def micro_f1(answers: list[dict[str, Any]], test: list[dict[str, Any]]) -> float:
    pairs = [
        (set(one["labels"]), {label.strip() for label in row["gold"]}) for one, row in zip(answers, test, strict=True)
    ]
    right = sum(len(found & gold) for found, gold in pairs)
    return 2 * right / sum(len(found) + len(gold) for found, gold in pairs)


def test_it_learns_and_answers_in_the_order_of_the_cases(tmp_path: Path) -> None:
    train, test = rows(600, 8, 6, seed=1), rows(60, 8, 6, seed=2)
    answers = answer(tmp_path, train, test)
    assert [one["id"] for one in answers] == [row["id"] for row in test]
    assert micro_f1(answers, test) > 0.9
    assert answer(tmp_path, train, test) == answers


def test_answers_follow_from_the_margins(tmp_path: Path) -> None:
    answers, evidence = answer_and_evidence(tmp_path, rows(80, 4, 5, seed=1), rows(30, 4, 5, seed=2))
    margins = [json.loads(line) for line in (tmp_path / "margins.jsonl").read_text().splitlines()]
    assert [one["id"] for one in margins] == [one["id"] for one in answers]
    for one, answered in zip(margins, answers, strict=True):
        assert [label for label, margin in one["margins"].items() if margin > evidence["threshold"]] == answered[
            "labels"
        ]
        assert all(margin >= -1 for margin in one["margins"].values())


@pytest.mark.parametrize("count", [1, 2, 5])
def test_few_rows_and_a_label_of_all_rows(tmp_path: Path, count: int) -> None:
    train = [{"id": str(at), "input": f"word{at} alike", "gold": ["same"]} for at in range(count)]
    assert answer(tmp_path, train, train[:1]) == [{"id": "0", "labels": ["same"]}]


def test_unknown_words_give_no_error(tmp_path: Path) -> None:
    answers = answer(tmp_path, rows(40, 4, 5, seed=1), [{"id": "new", "input": "unheard", "gold": []}])
    assert answers[0]["id"] == "new"


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("No cyst or stone, but a mass.", "no not_cyst not_or not_stone but mass"),
        ("Cyst without stone; mass", "cyst without not_stone mass"),
        ("Negative for stone: mass", "negative not_for not_stone mass"),
        ("Stone excluded, cyst ruled out.", "not_stone not_excluded not_cyst not_ruled not_out"),
        ("The stone has resolved.", "not_the not_stone not_has not_resolved"),
        ("A normal kidney", "normal kidney"),
        ("", ""),
    ],
)
def test_negation_ends_with_its_clause(sentence: str, expected: str) -> None:
    assert " ".join(mark_negation(sentence)) == expected


def test_pairs_of_words_stay_within_a_sentence() -> None:
    assert negation_terms("No cyst. Stone seen.") == ["no", "not_cyst", "no not_cyst", "stone", "seen", "stone seen"]


def test_negation_is_marked_if_it_improves_cross_validation(tmp_path: Path) -> None:
    draw = random.Random(5)
    findings = ["cyst", "stone", "mass", "hernia", "nodule"]

    def report(at: int) -> dict[str, Any]:
        present = {finding for finding in findings if draw.random() < 0.4}
        denied, seen = [finding for finding in findings if finding not in present], sorted(present)
        draw.shuffle(denied)
        draw.shuffle(seen)
        sentences = [
            f"There are {', '.join(seen)}." if seen else "Normal.",
            f"No {', '.join(denied)}." if denied else "",
        ]
        return {"id": str(at), "input": " ".join(sentences), "gold": sorted(present)}

    train, test = [report(at) for at in range(300)], [report(at) for at in range(60)]
    answers, evidence = answer_and_evidence(tmp_path, train, test)
    assert evidence["features"] == "negation"
    assert evidence["micro_f1_by_features"]["negation"] >= evidence["micro_f1_by_features"]["words"] + 0.005
    assert micro_f1(answers, test) > 0.95
    plain = rows(200, 6, 6, seed=1)
    assert answer_and_evidence(tmp_path, plain, plain[:1])[1]["features"] == "words"


def test_single_label_answers_every_case_with_one_label(tmp_path: Path) -> None:
    draw = random.Random(3)
    made = []
    for at in range(60):
        label = draw.randrange(4)
        made.append({"id": str(at), "input": f"sign{label} noise{draw.randrange(9)}", "gold": [f"label {label}"]})
    unknown = [{"id": "x", "input": "words that no row has", "gold": ["label 0"]}]
    answers, evidence = answer_and_evidence(tmp_path, made[:40], [*made[40:], *unknown], single=True)
    assert [len(one["labels"]) for one in answers] == [1] * 21
    assert micro_f1(answers[:20], made[40:]) > 0.9
    assert evidence["threshold"] is None


def test_the_threshold_is_chosen_on_folds_that_keep_groups_together(tmp_path: Path) -> None:
    plain = rows(60, 4, 6, seed=1)
    # Each text three times: rows that are in other folds than their copies are answered from memory.
    copies = [{**row, "id": f"{row['id']}-{copy}", "group": row["id"]} for row in plain for copy in range(3)]
    apart = [{**row, "group": row["id"]} for row in copies]
    unnamed = [{key: value for key, value in row.items() if key != "group"} for row in copies]
    f1 = [
        answer_and_evidence(tmp_path, train, plain[:1])[1]["micro_f1_by_features"]["words"]
        for train in (copies, apart, unnamed)
    ]
    assert f1[0] < f1[1] - 0.01
    # Without groups, rows with the same text are a group.
    assert f1[2] < f1[1] - 0.01


@pytest.mark.parametrize(
    ("words", "filler"),
    [
        (("满意", "失望"), "天地玄黄宇宙洪荒日月盈昃辰宿列张"),
        (("よかった", "ひどい"), "あいうえおカキクケコサシスセソ"),
        (("พอใจ", "ผิดหวัง"), "กขคงจฉชซญดตถทธนบปผ"),
        (("++", "--"), ".,;:!?"),
    ],
)
@pytest.mark.parametrize("count", [16, 60])
def test_learns_from_texts_without_spaces(tmp_path: Path, words: tuple[str, str], filler: str, count: int) -> None:
    """Every text is different, so no sequence between spaces occurs twice."""
    draw = random.Random(4)

    def text(at: int) -> str:
        return "".join([*draw.choices(filler, k=6), words[at % 2], *draw.choices(filler, k=6)])

    made = [{"id": str(at), "input": text(at), "gold": [words[at % 2]]} for at in range(count + 20)]
    answers, _ = answer_and_evidence(tmp_path, made[:count], made[count:], single=True)
    assert [one["labels"] for one in answers] == [row["gold"] for row in made[count:]]


@pytest.mark.parametrize("text", ["", " "])
def test_texts_without_words_have_the_labels_of_most_rows(tmp_path: Path, text: str) -> None:
    train = [{"id": str(at), "input": text, "gold": ["all", "one"] if at == 0 else ["all"]} for at in range(9)]
    assert [one["labels"] for one in answer(tmp_path, train, train[:1])] == [["all"]]
