"""The preflight's rules: what must hold before any GPU-hour is spent.

Each rule is a function over the facts that names what is wrong with them, and has a stable code.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from recipes.common.encode import IGNORE, pad_token
from recipes.common.machine import Machine
from recipes.common.preflight.padding import TOLERANCE
from recipes.common.preflight.upload import card_problems, token_problems

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

    def text(self, ids: list[int]) -> str:
        """Token ids as the tokenizer reads them."""
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


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
        yield f"the padding token is the one that ends an answer ({facts.text([facts.end])!r})"


def _mask(facts: Facts) -> Iterator[str]:
    close = facts.text([facts.end])
    for row in facts.train:
        trained = facts.text(row.trained)
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
        opened, closed = (facts.text(row.prompt).count(tag) for tag in _THINK)
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
