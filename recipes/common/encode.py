"""Conversion of text to token ids. Training, preflight and generation all use this module, so that they use equal
prompt tokens.

A row is encoded as the generation prompt of the model's own chat template, the target, and the token that ends the
assistant's turn. The loss counts the target and the end token alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from recipes.common.bounded import bounded
from recipes.common.protocol import StepFailed

IGNORE = -100
"""Label of a token that the loss ignores."""

Message = Mapping[str, str]


def load_tokenizer(model_dir: Path) -> PreTrainedTokenizerBase:
    """The tokenizer in a model's folder. Code in that folder is never run. Fails with `no-chat-template` without
    one."""
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            str(model_dir), local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError) as error:
        raise StepFailed(
            "tokenizer", f"cannot load the model's tokenizer: {error}", "Fetch the model again."
        ) from error
    if not isinstance(tokenizer.chat_template, str):
        raise StepFailed(
            "no-chat-template",
            "the model's tokenizer has no chat template",
            "Choose an instruction-tuned model, which has a template in tokenizer_config.json or chat_template.jinja.",
        )
    return tokenizer


def prompt_ids(tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], thinking: bool) -> list[int]:
    """Ids of the messages and of the start of the assistant's turn: the prompt of generation. Fails with
    `special-token-in-text` for a message that contains a special token, because it could end its own turn."""
    for message in messages:
        _refuse_special(tokenizer, message["content"], f"a {message['role']} message")
    return _ids(tokenizer, _render(tokenizer, messages, generation=True, thinking=thinking))


def target_ids(tokenizer: PreTrainedTokenizerBase, target: str) -> list[int]:
    """Ids of a target and the end token. Fails with `special-token-in-text` for a target that contains a special token,
    because the model would learn to stop early."""
    _refuse_special(tokenizer, target, "a target")
    return [*_ids(tokenizer, target), end_token(tokenizer)]


def encode_row(
    tokenizer: PreTrainedTokenizerBase, row: Mapping[str, Any], thinking: bool
) -> tuple[list[int], list[int]]:
    """(ids, labels) of a row {"id", "messages", "target"}, of equal length. The labels of the prompt are IGNORE."""
    prompt = prompt_ids(tokenizer, row["messages"], thinking)
    target = target_ids(tokenizer, row["target"])
    return prompt + target, [IGNORE] * len(prompt) + target


def end_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Id of the token with which the chat template ends an assistant's turn. It can differ from the tokenizer's EOS:
    base models often declare <|endoftext|>, while their template ends turns with <|im_end|>."""
    cached = getattr(tokenizer, "_exp_end_token", None)
    if isinstance(cached, int):
        return cached
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
            "neither the chat template nor the tokenizer defines an end token",
            "Choose a model whose tokenizer declares an eos_token.",
        )
    tokenizer._exp_end_token = end
    return end


def pad_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Id to pad batches with. It differs from the end token if the vocabulary allows it, so that masking padding never
    masks a real end token."""
    end = end_token(tokenizer)
    for candidate in (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id):
        if isinstance(candidate, int) and candidate != end:
            return candidate
    return 0 if end != 0 else 1


def supports_thinking(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether the chat template can switch thinking on and off."""
    return "enable_thinking" in str(tokenizer.chat_template)


def _refuse_special(tokenizer: PreTrainedTokenizerBase, text: str, what: str) -> None:
    for token in tokenizer.added_tokens_decoder.values():
        if token.special and token.content in text:
            at = text.index(token.content)
            raise StepFailed(
                "special-token-in-text",
                f"{what} contains the special token {token.content!r}: {text[max(0, at - 40) : at + 40]!r}",
                "Remove it from the data or the prompt template.",
            )


def _render(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[Message], *, generation: bool, thinking: bool
) -> str:
    more: dict[str, Any] = {"enable_thinking": thinking} if supports_thinking(tokenizer) else {}
    with bounded("chat-template-limit", "the chat template of the model", "Choose another model."):
        text = tokenizer.apply_chat_template(
            [dict(message) for message in messages], tokenize=False, add_generation_prompt=generation, **more
        )
    assert isinstance(text, str)
    return text


def _ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
