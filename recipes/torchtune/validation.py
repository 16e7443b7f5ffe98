"""Loss and answers of the model in training on validation rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torchtune import utils
from transformers import PreTrainedTokenizerBase

from recipes.common.encode import end_token
from recipes.common.training.validation_answers import count_answered, score_answers
from recipes.torchtune.data import Batches, Example
from recipes.torchtune.decoder import Decoder
from recipes.torchtune.generation import answer_prompts


class Validation:
    """The validation rows. Every rank holds all of them."""

    def __init__(self, rows: Sequence[Example], batch_size: int, pad: int, device: torch.device) -> None:
        self._rows = rows
        self._batches = Batches(rows, batch_size, 1, pad, None)
        self._device = device

    def loss(self, loss_of: Callable[[dict[str, Tensor]], Tensor]) -> float:
        """Mean loss over the trained tokens of the rows; `loss_of` computes that of a batch."""
        total, count = 0.0, 0
        for batch in self._batches:
            utils.batch_to_device(batch, self._device)
            tokens = batch["labels"].numel()
            total += float(loss_of(batch)) * tokens
            count += tokens
        return total / count

    def answer(
        self,
        model: Decoder,
        tokenizer: PreTrainedTokenizerBase,
        settings: Mapping[str, Any],
        *,
        by: str,
        at: Mapping[str, int],
        between: Callable[[Tensor], Tensor],
        show: Callable[[str], None],
    ) -> tuple[dict[str, float], list[dict[str, Any]]]:
        """Scores and samples of the model's answers; see `score_answers`."""
        rows = self._rows[: count_answered(len(self._rows), settings, by)]
        answers = answer_prompts(
            model,
            [row.ids[: row.start] for row in rows],
            ends={end_token(tokenizer), tokenizer.eos_token_id},
            max_new_tokens=settings["max_new_tokens"],
            device=self._device,
            between=between,
        )
        return score_answers(answers, [(row.id, row.target) for row in rows], tokenizer, settings, by, at, show)
