"""Step `preflight`: checks of tokens, model and machine before the GPU is used.

params: {"thinking", "padding_check": module of the engine that compares a padded batch with single prompts, or null,
"targets": `train.targets` of an adapter, or null, "max_new_tokens", "max_length"}; hints:
{"tokens_only": whether to skip the rules about the machine, "precisions": {use: format}, "expects": {use: {"memory":
[low, high], "gpu_memory"}}, "disk": bytes that the run writes, "upload": {"repo", "base_license"} if the run is
uploaded}; inputs: "train" (optional), "eval", "model" (model.json); local_paths: {"model": folder}.

All rules are checked before the step fails. preflight.json holds the result of each rule, token counts, and five
decoded masks.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch

from recipes.common.adapters.targets import model_targets
from recipes.common.encode import encode_row, end_token, load_tokenizer, prompt_ids, render_prompt
from recipes.common.files import read_json, read_rows
from recipes.common.machine import read_machine
from recipes.common.models.tensors import read_headers
from recipes.common.preflight.rules import RULES, Example, Facts, Prompt, Rule
from recipes.common.protocol import Step, StepFailed, main, write_json

_MASKS = 5
"""Number of training rows whose decoded masks preflight.json holds."""


def run(step: Step) -> dict[str, Any]:
    """Check every rule and write preflight.json. Fails with the code of the first violated rule, and a message about
    all."""
    params = step.params
    tokenizer = load_tokenizer(step.local_paths["model"])
    thinking = bool(params["thinking"])
    train: list[Example] = []
    rows = list(read_rows(step.inputs["train"])) if "train" in step.inputs else []
    cases = list(read_rows(step.inputs["eval"]))
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
    if machine is not None and params.get("padding_check"):
        check = importlib.import_module(params["padding_check"])
        read_headers(step.local_paths["model"])
        step.progress(force=True, message="comparing a padded batch with single rows")
        padding = check.padding_difference(step.local_paths["model"], prompts, machine)
    config = read_json(step.inputs["model"])["config"]
    context = config.get("max_position_embeddings")
    rendered = [
        Prompt(str(each["id"]), each["messages"], render_prompt(tokenizer, each["messages"], thinking))
        for each in [*rows, *cases]
    ]
    targets = _target_problem(step)
    facts = Facts(tokenizer, end_token(tokenizer), params, context, train, lengths, rendered, targets, machine, padding)

    violations = {rule: list(rule.violations(facts)) for rule in RULES}
    report = describe(facts, violations)
    write_json(step.output / "preflight.json", report)
    violated = {rule: lines for rule, lines in violations.items() if lines}
    if violated:
        first = next(iter(violated))
        message = "\n".join(_message(rule, lines) for rule, lines in violated.items())
        raise StepFailed(first.code, message, first.help)
    return {key: report[key] for key in ("rows", "tokens", "longest", "trained_tokens")}


def _target_problem(step: Step) -> str | None:
    """What is wrong with `train.targets`, by the model's own modules; None if nothing is."""
    if step.params.get("targets") is None:
        return None
    try:
        model_targets(step.local_paths["model"], step.params["targets"])
    except StepFailed as failure:
        return f"{failure.message}. {failure.help}"
    return None


def describe(facts: Facts, violations: dict[Rule, list[str]]) -> dict[str, Any]:
    """Content of preflight.json: numbers of rows and tokens, the result of each rule, and decoded masks."""
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
            {"code": rule.code, "requirement": rule.requirement, "ok": not lines, "detail": lines[:20]}
            for rule, lines in violations.items()
        ],
        "masks": [
            {"id": row.id, "prompt": facts.text(row.prompt), "trained": facts.text(row.trained)}
            for row in facts.train[:_MASKS]
        ],
    }


def _message(rule: Rule, lines: list[str]) -> str:
    more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
    return f"{rule.code}: {'; '.join(lines[:3])}{more} (requirement: {rule.requirement})"


if __name__ == "__main__":
    main(run)
