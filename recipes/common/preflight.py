"""The preflight step: `python -m recipes.common.preflight REQUEST`. Looks at tokens, model and machine before any
GPU-hour is spent.

params: {"thinking", "engine", "max_new_tokens", "max_length", "batch_size", "gradient_accumulation"}; hints:
{"tokens_only": whether the machine plays no part, "precisions": {use: format}, "expects": {use: {"memory": [low, high],
"gpu_memory"}}, "disk": bytes that will be written, "upload": {"repo", "base_license"} where the run is uploaded}.

Each rule is a function over these facts that names what is wrong with them, and has a stable code. All of them are
looked at before the step fails, and preflight.json keeps the numbers and five decoded masks to look at.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from recipes.common.encode import IGNORE, encode_row, end_token, load_tokenizer, pad_token, prompt_ids
from recipes.common.machine import Machine, read_machine
from recipes.common.padding import TOLERANCE, padding_difference
from recipes.common.protocol import Step, StepFailed, main, write_json
from recipes.common.publishing import card_problems, token_problems
from recipes.common.tensors import read_headers

_SHOWN = 5
_THINK = ("<think>", "</think>")


@dataclass(frozen=True)
class Example:
    """One training row as the trainer will see it: token ids, and labels that are IGNORE where nothing is learnt."""

    id: str
    target: str
    prompt: list[int]
    """What generation would start from."""
    ids: list[int]
    labels: list[int]

    @property
    def trained(self) -> list[int]:
        return [label for label in self.labels if label != IGNORE]


@dataclass(frozen=True)
class Facts:
    """All that the rules look at."""

    tokenizer: PreTrainedTokenizerBase
    end: int
    params: dict[str, Any]
    context: int | None
    """Tokens that the model was made for; None where its config does not say."""
    train: list[Example]
    eval_lengths: dict[str, int]
    """Case id -> tokens of its prompt."""
    machine: Machine | None = None
    """None where the machine plays no part."""
    padding: float | None = None
    """How far a padded batch is from its rows alone; None where that was not looked at."""


@dataclass(frozen=True)
class Rule:
    """A thing that must hold, the words for when it does not, and what to do then."""

    code: str
    holds: str
    help: str
    broken: Callable[[Facts], Iterator[str]]
    """Yields what is wrong, one line a row."""


def _too_long(facts: Facts) -> Iterator[str]:
    limit = facts.params.get("max_length")
    for row in facts.train:
        if limit is not None and len(row.ids) > limit:
            yield f"{row.id}: {len(row.ids)} tokens"


def _no_end(facts: Facts) -> Iterator[str]:
    for row in facts.train:
        if row.labels[-1:] != [facts.end]:
            yield f"{row.id}: the last trained token is not the one that ends an answer"
    if facts.train and pad_token(facts.tokenizer) == facts.end:
        yield f"the padding token is the one that ends an answer ({_text(facts, [facts.end])!r})"


def _mask(facts: Facts) -> Iterator[str]:
    close = _text(facts, [facts.end])
    for row in facts.train:
        trained = _text(facts, row.trained)
        if trained != row.target + close:
            yield f"{row.id}: trained on {trained[:60]!r}, taught {(row.target + close)[:60]!r}"


def _prefix(facts: Facts) -> Iterator[str]:
    for row in facts.train:
        masked = [token for token, label in zip(row.ids, row.labels, strict=True) if label == IGNORE]
        if masked != row.prompt or row.ids[: len(row.prompt)] != row.prompt:
            yield f"{row.id}: training starts an answer from other tokens than generation will"


def _think(facts: Facts) -> Iterator[str]:
    for row in facts.train:
        if any(tag in row.target for tag in _THINK):
            yield f"{row.id}: {row.target[:60]!r}"
            continue
        opened, closed = (_text(facts, row.prompt).count(tag) for tag in _THINK)
        if opened > 1 or closed > opened or (opened > closed and not facts.params.get("thinking")):
            yield f"{row.id}: its prompt has {opened} opening and {closed} closing think tags"


def _step(facts: Facts) -> Iterator[str]:
    size = facts.params.get("batch_size")
    if size is None:
        return
    rows = size * (facts.params.get("gradient_accumulation") or 1)
    if len(facts.train) < rows:
        yield f"{len(facts.train)} rows, and one optimiser step takes {rows}"


def _context(facts: Facts) -> Iterator[str]:
    room = (facts.context or 0) - (facts.params.get("max_new_tokens") or 0)
    for case, length in facts.eval_lengths.items():
        if facts.context is not None and length > room:
            yield f"{case}: {length} tokens and room for {room}"


def _precision(facts: Facts) -> Iterator[str]:
    if facts.machine is None:
        return
    capability = facts.machine.capability
    for use, precision in (facts.params.get("precisions") or {}).items():
        if capability is None and precision == "fp16":
            yield f"{use}: fp16 on a CPU"
        if capability is not None and precision == "bf16" and capability < (8, 0):
            yield f"{use}: bf16 is only emulated at compute capability {capability[0]}.{capability[1]}"


def _memory(facts: Facts) -> Iterator[str]:
    if facts.machine is None:
        return
    on_gpu = facts.machine.capability is not None
    free = facts.machine.gpu_memory if on_gpu else facts.machine.memory
    for use, takes in (facts.params.get("expects") or {}).items():
        needed = takes.get("gpu_memory" if on_gpu else "memory")
        if needed and needed[0] > free:
            low, high = (size / 2**30 for size in needed)
            yield f"{use}: {low:.1f} to {high:.1f} GiB, and {free / 2**30:.1f} GiB are free"


def _disk(facts: Facts) -> Iterator[str]:
    needed = facts.params.get("disk") or 0
    if facts.machine is not None and needed > facts.machine.disk:
        yield f"{needed / 1e9:.1f} GB will be written, and {facts.machine.disk / 1e9:.1f} GB are free"


def _padding(facts: Facts) -> Iterator[str]:
    if facts.padding is not None and not facts.padding <= TOLERANCE:
        yield f"logits differ by {facts.padding:.4f} of their spread, and {TOLERANCE} is allowed"


RULES = (
    Rule(
        "target-truncated",
        "every row fits into max_length whole",
        "Raise train.max_length, or shorten the prompt or the rows.",
        _too_long,
    ),
    Rule(
        "no-end-token",
        "every target ends with the token that ends an answer, and padding is another token",
        "Choose a model whose chat template closes the assistant's turn.",
        _no_end,
    ),
    Rule(
        "mask-mismatch",
        "the trained tokens read as the target and the end of the answer, nothing else",
        "The tokenizer does not give a target back as it was; look at the masks in preflight.json.",
        _mask,
    ),
    Rule(
        "prefix-mismatch",
        "training and generation start an answer from the same tokens",
        "Train and generate with the same prompt.thinking and chat template.",
        _prefix,
    ),
    Rule("think-tags", "no target holds a think tag", "Remove <think> and </think> from the target column.", _think),
    Rule(
        "no-full-step",
        "there are rows for one optimiser step at least",
        "Lower train.batch_size or train.gradient_accumulation, or take more rows.",
        _step,
    ),
    Rule(
        "context-too-short",
        "every prompt and its answer fit into the model's context",
        "Lower generate.max_new_tokens, or shorten the prompt.",
        _context,
    ),
    Rule(
        "padding-differs",
        "a padded batch gives each prompt the logits that it gives alone",
        "Set generate.batch_size: 1, and report the model.",
        _padding,
    ),
    Rule(
        "precision-unsupported",
        "the device computes in the precision that was asked for",
        "Write precision: auto, which goes by the compute capability.",
        _precision,
    ),
    Rule(
        "memory-short",
        "the least that training and generation take is free",
        "Lower train.batch_size or train.max_length, train a 4-bit base (qlora), or generate in 4bit.",
        _memory,
    ),
    Rule("disk-short", "the disk has room for what will be written", "Make room (exp gc), then run again.", _disk),
    Rule(
        "hub-token",
        "the upload has a token that the hub takes",
        "Set HF_TOKEN to a token that may write, or leave upload out.",
        lambda facts: token_problems(facts.params.get("upload")),
    ),
    Rule(
        "card-invalid",
        "the card's metadata is what the hub takes",
        "Write upload.base_license as the hub spells it, such as apache-2.0.",
        lambda facts: card_problems(facts.params.get("upload")),
    ),
)
"""Every rule, in the order in which they are reported."""


def run(step: Step) -> dict[str, Any]:
    """Check every rule and write preflight.json; fail with the first broken rule's code and a message that has all."""
    params = step.params
    tokenizer = load_tokenizer(step.places["model"])
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
        read_headers(step.places["model"])
        step.progress(force=True, message="a padded batch against each row alone")
        padding = padding_difference(step.places["model"], prompts, machine)
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
            {"id": row.id, "prompt": _text(facts, row.prompt), "trained": _text(facts, row.trained)}
            for row in facts.train[:_SHOWN]
        ],
    }


def _text(facts: Facts, ids: list[int]) -> str:
    return str(facts.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


def _say(rule: Rule, lines: list[str]) -> str:
    more = f" and {len(lines) - 3} more" if len(lines) > 3 else ""
    return f"{rule.code}: it does not hold that {rule.holds}: {'; '.join(lines[:3])}{more}"


def _read_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


if __name__ == "__main__":
    main(run)
