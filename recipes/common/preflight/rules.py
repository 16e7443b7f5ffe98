"""The rules of the preflight. A rule is a function over `Facts` that yields a line for each violation, with a stable
code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from recipes.common.encode import IGNORE, Message, lost_text, pad_token
from recipes.common.machine import Machine
from recipes.common.preflight.upload import card_problems, token_problems

_THINK = ("<think>", "</think>")
_PADDING_TOLERANCE = 1e-3
"""Relative to the standard deviation of the logits. In fp32, different batch sizes differ by about 1e-5."""


@dataclass(frozen=True)
class Example:
    """An encoded training row: token ids, and labels that are IGNORE where the loss ignores a token."""

    id: str
    target: str
    prompt: list[int]
    """Token ids of the prompt of generation."""
    ids: list[int]
    labels: list[int]

    @property
    def trained(self) -> list[int]:
        """The token ids that the loss counts."""
        return [label for label in self.labels if label != IGNORE]


@dataclass(frozen=True)
class Prompt:
    """The messages of a row or case, and what the chat template made of them."""

    id: str
    messages: Sequence[Message]
    text: str


@dataclass(frozen=True)
class Facts:
    """The input of the rules."""

    tokenizer: PreTrainedTokenizerBase
    end: int
    """Id of the end token."""
    params: dict[str, Any]
    """Parameters of the step."""
    context: int | None
    """Context length of the model in tokens; None if its config does not have it."""
    train: list[Example]
    eval_lengths: dict[str, int]
    """Case id -> number of tokens of its prompt."""
    prompts: Sequence[Prompt] = ()
    """The prompts of all rows and cases."""
    targets: str | None = None
    """What is wrong with `train.targets`; None if the model has these layers, or if no adapter is trained."""
    machine: Machine | None = None
    """None if the rules about the machine do not apply."""
    padding: float | None = None
    """See `padding_difference`; None if it was not computed."""

    def text(self, ids: list[int]) -> str:
        """Decode token ids."""
        return str(self.tokenizer.decode(ids, clean_up_tokenization_spaces=False))


@dataclass(frozen=True)
class Rule:
    """A condition with its code, its description, and what to do if it is violated."""

    code: str
    requirement: str
    help: str
    violations: Callable[[Facts], Iterator[str]]
    """Yields a line for each violation."""


def _too_long(facts: Facts) -> Iterator[str]:
    limit = facts.params.get("max_length")
    for row in facts.train:
        if limit is not None and len(row.ids) > limit:
            yield f"{row.id}: {len(row.ids)} tokens"


def _no_end(facts: Facts) -> Iterator[str]:
    for row in facts.train:
        if row.labels[-1:] != [facts.end]:
            yield f"{row.id}: the last trained token is not the end token"
    if facts.train and pad_token(facts.tokenizer) == facts.end:
        yield f"the padding token is the end token ({facts.text([facts.end])!r})"


def _mask(facts: Facts) -> Iterator[str]:
    close = facts.text([facts.end])
    for row in facts.train:
        trained = facts.text(row.trained)
        if trained != row.target + close:
            yield f"{row.id}: the trained tokens are {trained[:60]!r}, the target is {(row.target + close)[:60]!r}"


def _prefix(facts: Facts) -> Iterator[str]:
    for row in facts.train:
        masked = [token for token, label in zip(row.ids, row.labels, strict=True) if label == IGNORE]
        if masked != row.prompt or row.ids[: len(row.prompt)] != row.prompt:
            yield f"{row.id}: the prompt tokens of training and generation differ"


def _lost(loss: str) -> Callable[[Facts], Iterator[str]]:
    """The prompts whose messages the chat template changed in one way."""

    def violations(facts: Facts) -> Iterator[str]:
        for prompt in facts.prompts:
            for kind, message in lost_text(prompt.messages, prompt.text):
                if kind == loss:
                    yield f"{prompt.id}: the {message['role']} message {message['content'][:60]!r}"

    return violations


def _targets(facts: Facts) -> Iterator[str]:
    if facts.targets is not None:
        yield facts.targets


def _think(facts: Facts) -> Iterator[str]:
    for row in facts.train:
        if any(tag in row.target for tag in _THINK):
            yield f"{row.id}: {row.target[:60]!r}"
            continue
        opened, closed = (facts.text(row.prompt).count(tag) for tag in _THINK)
        if opened > 1 or closed > opened or (opened > closed and not facts.params.get("thinking")):
            yield f"{row.id}: the prompt has {opened} opening and {closed} closing think tags"


def _context(facts: Facts) -> Iterator[str]:
    limit = (facts.context or 0) - (facts.params.get("max_new_tokens") or 0)
    for case, length in facts.eval_lengths.items():
        if facts.context is not None and length > limit:
            yield f"{case}: the prompt has {length} tokens, the limit is {limit}"


def _precision(facts: Facts) -> Iterator[str]:
    if facts.machine is None:
        return
    capability = facts.machine.capability
    for use, precision in (facts.params.get("precisions") or {}).items():
        if capability is None and precision == "fp16":
            yield f"{use}: the CPU does not support fp16"
        if capability is not None and precision == "bf16" and capability < (8, 0):
            yield f"{use}: bf16 is emulated at compute capability {capability[0]}.{capability[1]}"


def _memory(facts: Facts) -> Iterator[str]:
    if facts.machine is None:
        return
    on_gpu = facts.machine.capability is not None
    free = facts.machine.gpu_memory if on_gpu else facts.machine.memory
    for use, takes in (facts.params.get("expects") or {}).items():
        needed = takes.get("gpu_memory" if on_gpu else "memory")
        if needed and needed[0] > free:
            low, high = (size / 2**30 for size in needed)
            yield f"{use} needs {low:.1f} to {high:.1f} GiB, but {free / 2**30:.1f} GiB are free"


def _disk(facts: Facts) -> Iterator[str]:
    needed = facts.params.get("disk") or 0
    if facts.machine is not None and needed > facts.machine.disk:
        yield f"the run writes {needed / 1e9:.1f} GB, but {facts.machine.disk / 1e9:.1f} GB are free"


def _padding(facts: Facts) -> Iterator[str]:
    if facts.padding is not None and not facts.padding <= _PADDING_TOLERANCE:
        yield f"the relative difference of the logits is {facts.padding:.4f}, the tolerance is {_PADDING_TOLERANCE}"


RULES = (
    Rule(
        "system-dropped",
        "the chat template renders the system message",
        "Set prompt.system: user, which adds the text to the user's message.",
        _lost("system-dropped"),
    ),
    Rule(
        "message-trimmed",
        "the chat template keeps the characters at the ends of each message",
        "Remove white space and control characters at the ends of the message.",
        _lost("message-trimmed"),
    ),
    Rule(
        "message-changed",
        "the chat template renders each message as it is given",
        "Compare the prompt in `exp preview` with the template. Change the text, or choose another model.",
        _lost("message-changed"),
    ),
    Rule(
        "target-truncated",
        "every row has at most train.max_length tokens",
        "Raise train.max_length, or shorten the prompt or the rows.",
        _too_long,
    ),
    Rule(
        "no-end-token",
        "every target ends with the end token, and the padding token is another one",
        "Choose a model whose chat template closes the assistant's turn.",
        _no_end,
    ),
    Rule(
        "mask-mismatch",
        "the trained tokens decode to the target and the end token",
        "The tokenizer does not reproduce the target. Compare the masks in preflight.json.",
        _mask,
    ),
    Rule(
        "prefix-mismatch",
        "training and generation use the same prompt tokens",
        "Use the same prompt.thinking and chat template for both.",
        _prefix,
    ),
    Rule(
        "unsupported-target",
        "the model has each layer of train.targets",
        "Use train.targets: all-linear, or a list of the model's own linear layers.",
        _targets,
    ),
    Rule(
        "think-tags",
        "targets have no think tags, and prompts have balanced ones",
        "Remove <think> and </think> from the target column.",
        _think,
    ),
    Rule(
        "context-too-short",
        "every prompt and its answer fit into the model's context",
        "Shorten the rows or the prompt. A run with a lower generate.max_new_tokens has more tokens for the prompt.",
        _context,
    ),
    Rule(
        "padding-differs",
        "a padded batch gives the same logits as each prompt alone",
        "Set generate.batch_size: 1, and report the model.",
        _padding,
    ),
    Rule(
        "precision-unsupported",
        "the device supports the precision",
        "Set precision: auto, which depends on the compute capability.",
        _precision,
    ),
    Rule(
        "memory-short",
        "the minimum memory of training and generation is free",
        "Lower train.batch_size or train.max_length, train a 4-bit base (qlora), or set generate.precision: 4bit.",
        _memory,
    ),
    Rule(
        "disk-short", "the disk has space for the files of the run", "Free disk space (exp gc), then run again.", _disk
    ),
    Rule(
        "hub-token",
        "the hub accepts the token",
        "Set HF_TOKEN to a token with write access, or remove upload.",
        lambda facts: token_problems(facts.params.get("upload")),
    ),
    Rule(
        "card-invalid",
        "the hub accepts the metadata of the model card",
        "Set upload.base_license to an identifier of the hub, such as apache-2.0.",
        lambda facts: card_problems(facts.params.get("upload")),
    ),
)
"""All rules, in the order in which they are reported."""
