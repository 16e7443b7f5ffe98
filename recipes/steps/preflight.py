"""The preflight step: `python -m recipes.steps.preflight REQUEST`. Looks at tokens, model and machine before any
GPU-hour is spent.

params: {"thinking", "engine", "max_new_tokens", "max_length", "batch_size", "gradient_accumulation"}; hints:
{"tokens_only": whether the machine plays no part, "precisions": {use: format}, "expects": {use: {"memory": [low, high],
"gpu_memory"}}, "disk": bytes that will be written, "upload": {"repo", "base_license"} where the run is uploaded}.

All rules are looked at before the step fails, and preflight.json keeps the numbers and five decoded masks to look at.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from recipes.common.encode import encode_row, end_token, load_tokenizer, prompt_ids
from recipes.common.machine import read_machine
from recipes.common.models.tensors import read_headers
from recipes.common.preflight.padding import padding_difference
from recipes.common.preflight.rules import RULES, Example, Facts, Rule
from recipes.common.protocol import Step, StepFailed, main, write_json

_SHOWN = 5


def run(step: Step) -> dict[str, Any]:
    """Check every rule and write preflight.json; fail with the first broken rule's code and a message that has all."""
    params = step.params
    tokenizer = load_tokenizer(step.local_paths["model"])
    thinking = bool(params["thinking"])
    train: list[Example] = []
    rows = _read_rows(step.inputs["train"]) if "train" in step.inputs else []
    cases = _read_rows(step.inputs["eval"])
    torch.set_num_threads(step.cores)
    total = len(rows) + len(cases)
    for row in rows:
        step.check_interrupt()
        step.progress(done=len(train), total=total, unit="rows")
        ids, labels = encode_row(tokenizer, row, thinking)
        prompt = prompt_ids(tokenizer, row["messages"], thinking)
        train.append(Example(str(row["id"]), str(row["target"]), prompt, ids, labels))
    prompts = [prompt_ids(tokenizer, case["messages"], thinking) for case in cases]
    lengths = {str(case["id"]): len(ids) for case, ids in zip(cases, prompts, strict=True)}
    machine = None if params.get("tokens_only") else read_machine(step.output)
    padding = None
    if machine is not None and params.get("engine") == "transformers":
        read_headers(step.local_paths["model"])
        step.progress(force=True, message="a padded batch against each row alone")
        padding = padding_difference(step.local_paths["model"], prompts, machine)
    config = json.loads(step.inputs["model"].read_text())["config"]
    context = config.get("max_position_embeddings")
    facts = Facts(tokenizer, end_token(tokenizer), params, context, train, lengths, machine, padding)

    broken = {rule: list(rule.broken(facts)) for rule in RULES}
    report = describe(facts, broken)
    write_json(step.output / "preflight.json", report)
    wrong = {rule: lines for rule, lines in broken.items() if lines}
    if wrong:
        first = next(iter(wrong))
        raise StepFailed(first.code, "\n".join(_say(rule, lines) for rule, lines in wrong.items()), first.help)
    return {key: report[key] for key in ("rows", "tokens", "longest", "trained_tokens")}


def describe(facts: Facts, broken: dict[Rule, list[str]]) -> dict[str, Any]:
    """What preflight.json holds: counts in rows and tokens, each rule, and five decoded masks."""
    lengths = [len(row.ids) for row in facts.train]
    return {
        "rows": len(facts.train),
        "tokens": sum(lengths),
        "longest": max(lengths, default=0),
        "trained_tokens": sum(len(row.trained) for row in facts.train),
        "eval": {
            "rows": len(facts.eval_lengths),
            "tokens": sum(facts.eval_lengths.values()),
            "longest": max(facts.eval_lengths.values(), default=0),
        },
        "padding": None if facts.padding is None else round(facts.padding, 9),
        "rules": [
            {"code": rule.code, "holds": rule.holds, "ok": not lines, "detail": lines[:20]}
            for rule, lines in broken.items()
        ],
        "masks": [
            {"id": row.id, "prompt": facts.text(row.prompt), "trained": facts.text(row.trained)}
            for row in facts.train[:_SHOWN]
        ],
    }


def _say(rule: Rule, lines: list[str]) -> str:
    more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
    return f"{rule.code}: it does not hold that {rule.holds}: {'; '.join(lines[:3])}{more}"


def _read_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


if __name__ == "__main__":
    main(run)
