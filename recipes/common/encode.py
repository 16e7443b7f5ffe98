"""Text to token ids, once for training, preflight and generation, so that what is trained is what is generated with.

A row is encoded as the generation prompt of the model's own chat template, the target, and the token that ends the
assistant's turn. The loss counts the target and that token, nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from recipes.common.protocol import StepFailed

IGNORE = -100
"""Label of a token that the loss does not count."""

Message = Mapping[str, str]


def load_tokenizer(model_dir: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a model's folder. Never runs code from that folder; fails where there is no chat template."""
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            str(model_dir), local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise StepFailed(
            "tokenizer", f"cannot load a tokenizer from the model's folder: {error}", "Fetch the model again."
        ) from error
    if not isinstance(tokenizer.chat_template, str):
        raise StepFailed(
            "no-chat-template",
            "the model's tokenizer has no chat template, so nothing says where a turn begins and ends",
            "Choose an instruction-tuned model (its tokenizer_config.json or chat_template.jinja has a template).",
        )
    return tokenizer


def prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], thinking: bool) -> list[int]:
    """Ids of the messages and of the opening of the assistant's turn: exactly what generation starts from. Fails where
    a message holds one of the tokenizer's special tokens: the text could end its own turn and open another."""
    for message in messages:
        _refuse_special(tokenizer, message["content"], f"a {message['role']} message")
    return _ids(tokenizer, _render(tokenizer, messages, generation=True, thinking=thinking))


def target_ids(tokenizer: PreTrainedTokenizerBase, target: str) -> list[int]:
    """Ids of what the model is taught to answer, with the token that ends its turn. Fails where the target itself
    holds a special token: the model would learn to stop in the middle."""
    _refuse_special(tokenizer, target, "a target")
    return [*_ids(tokenizer, target), end_token(tokenizer)]


def encode_row(
    tokenizer: PreTrainedTokenizerBase, row: Mapping[str, Any], thinking: bool
) -> tuple[list[int], list[int]]:
    """One row {"id", "messages", "target"} as (ids, labels) of equal length; labels are IGNORE over the prompt."""
    prompt = prompt_ids(tokenizer, row["messages"], thinking)
    target = target_ids(tokenizer, row["target"])
    return prompt + target, [IGNORE] * len(prompt) + target


def end_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Id of the token that ends an assistant's turn by the chat template. It may differ from the tokenizer's EOS:
    base models often declare <|endoftext|> beside a template that closes turns with <|im_end|>."""
    known = getattr(tokenizer, "_exp_end_token", None)
    if isinstance(known, int):
        return known
    answer = "answer"
    text = _render(
        tokenizer,
        [{"role": "user", "content": "question"}, {"role": "assistant", "content": answer}],
        generation=False,
        thinking=False,
    )
    after = _ids(tokenizer, text.rpartition(answer)[2])
    special = {id for id, token in tokenizer.added_tokens_decoder.items() if token.special}
    if after and after[0] in special:
        end = after[0]
    elif isinstance(tokenizer.eos_token_id, int):
        end = tokenizer.eos_token_id
    else:
        raise StepFailed(
            "no-end-token",
            "neither the chat template nor the tokenizer says which token ends an answer",
            "Choose a model whose tokenizer declares an eos_token.",
        )
    tokenizer._exp_end_token = end
    return end


def pad_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Id to pad batches with. It differs from the end token wherever the vocabulary allows, so that no mask by id can
    hide a real end."""
    end = end_token(tokenizer)
    for candidate in (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id):
        if isinstance(candidate, int) and candidate != end:
            return candidate
    return 0 if end != 0 else 1


def knows_thinking(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the chat template can turn thinking on and off."""
    return "enable_thinking" in str(tokenizer.chat_template)


def _refuse_special(tokenizer: PreTrainedTokenizerBase, text: str, what: str) -> None:
    for token in tokenizer.added_tokens_decoder.values():
        if token.special and token.content in text:
            at = text.index(token.content)
            raise StepFailed(
                "special-token-in-text",
                f"{what} contains {token.content!r}, a special token of the model: {text[max(0, at - 40) : at + 40]!r}",
                "Remove it from the data or the prompt template.",
            )


def _render(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, generation: bool, thinking: bool
) -> str:
    more: dict[str, Any] = {"enable_thinking": thinking} if knows_thinking(tokenizer) else {}
    text = tokenizer.apply_chat_template(
        [dict(message) for message in messages], tokenize=False, add_generation_prompt=generation, **more
    )
    assert isinstance(text, str)
    return text


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
