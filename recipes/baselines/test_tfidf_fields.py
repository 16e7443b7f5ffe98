from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recipes.baselines.tfidf_fields import run
from recipes.common.protocol import Step


def answers(tmp: Path, train: list[tuple[str, dict[str, Any]]], cases: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """The answers to cases, and the evidence."""
    rows = [{"id": str(at), "input": text, "gold": gold} for at, (text, gold) in enumerate(train)]
    test = [{"id": str(at), "input": text} for at, text in enumerate(cases)]
    for name, content in (("train", rows), ("test", test)):
        (tmp / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in content))
    for folder in ("output", "work"):
        (tmp / folder).mkdir()
    evidence = run(
        Step(
            name="baseline",
            params={"baseline": "tfidf_fields", "key": "prediction", "seed": 1, "folds": 3},
            inputs={name: tmp / f"{name}.jsonl" for name in ("train", "test")},
            local_paths={},
            output=tmp / "output",
            work=tmp / "work",
            progress_path=tmp / "progress.jsonl",
            cores=1,
        )
    )
    lines = [json.loads(line) for line in (tmp / "output/responses.jsonl").read_text().splitlines()]
    assert len((tmp / "output/margins.jsonl").read_text().splitlines()) == len(cases)
    return [line["prediction"] for line in lines], evidence


def test_keys_whose_values_repeat_are_classified(tmp_path: Path) -> None:
    train = [
        (f"the pump leaks oil {at}", {"fault": "leak", "urgent": True, "name": f"p{at}", "note": "x"})
        for at in range(4)
    ] + [(f"the fan is noisy today {at}", {"fault": "noise", "urgent": False, "name": "fan"}) for at in range(5)]
    given, evidence = answers(tmp_path, train, ["noisy fan", "a pump leaks"])
    assert evidence["classified"] == ["fault", "urgent", "note"]
    assert given == [
        {"fault": "noise", "urgent": False, "name": "fan"},
        {"fault": "leak", "urgent": True, "name": "fan", "note": "x"},
    ]


def test_a_rare_key_is_absent(tmp_path: Path) -> None:
    train = [(f"text {at}", {"name": f"n{at}"} | ({"rare": f"r{at}"} if at == 0 else {})) for at in range(5)]
    given, _ = answers(tmp_path, train, ["text 1"])
    assert given == [{"name": "n0"}]
