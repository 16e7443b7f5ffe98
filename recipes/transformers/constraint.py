"""What an answer may be: a set of a study's labels, or a JSON array of strings, held to token by token."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from transformers import PreTrainedTokenizerBase

from recipes.transformers.constrain_json import JsonConstraint
from recipes.transformers.constrain_labels import LabelConstraint
from recipes.transformers.vocabulary import Vocabulary

Allowed = tuple[Sequence[int] | torch.Tensor, bool]
"""Tokens that may come next, and whether the answer may end."""


class Constraint(Protocol):
    """A language of answers. Its states are values that no answer changes, so that the answers of a batch share one
    constraint."""

    def start(self) -> Any:
        """Where an empty answer is."""

    def allowed(self, state: Any, left: int) -> Allowed:
        """Tokens that may come next, and whether the answer may end here. `left` tokens may still be written, the end
        counted in: what can no longer be finished is not begun."""

    def advance(self, state: Any, token: int) -> Any:
        """Where the answer is after an allowed token that does not end it."""


def read_constraint(kind: str, answers: Path | None, tokenizer: PreTrainedTokenizerBase) -> Constraint | None:
    """The constraint that `generate.constrain` names; `answers` is the study's answers.json: {"labels", "between",
    "none", "single"}, as `data` writes it."""
    if kind == "none":
        return None
    assert answers is not None
    allowed = json.loads(answers.read_text(encoding="utf-8"))
    vocabulary = Vocabulary(tokenizer)
    if kind == "json":
        return JsonConstraint(vocabulary, single=allowed["single"])
    return LabelConstraint(vocabulary, allowed["labels"], allowed["between"], allowed["none"], single=allowed["single"])
