"""The hub of models: the pinned commit of a model, and errors of the hub's client as failures of a step."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from recipes.common.protocol import StepFailed

_NAMING_HEADERS = ("etag", "x-linked-etag", "x-repo-commit", "x-xet-hash")
"""Headers whose values the hub's client uses as names of files and folders."""
_NAMING_KEYS = ("oid", "blobId", "sha256", "sha", "xetHash")
"""Keys of an entry of a listing with such values."""


def guard_names() -> None:
    """Make every later request of the hub's client fail with `hub-error` if a response names a file or folder of the
    cache outside it. The client joins the value of ETag to the path of the cache: a hub could write any file."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    def client() -> Any:
        made = default_client_factory()
        hooks = made.event_hooks
        made.event_hooks = {**hooks, "response": [*hooks.get("response", []), _refuse_foreign_names]}
        return made

    set_client_factory(client)


def _refuse_foreign_names(response: Any) -> None:
    for header in _NAMING_HEADERS:
        if header in response.headers:
            _require_name(response.headers[header])
    if not _is_api(str(response.request.url)):
        return
    location = response.headers.get("location")
    if response.has_redirect_location and location is not None and not _is_api(str(response.url.join(location))):
        raise StepFailed("hub-error", f"the hub refers to {location[:200]!r} for a listing", _OTHER_HUB)
    if response.status_code == 200:
        response.read()
        for value in _names_in(response.content):
            _require_name(value)


_OTHER_HUB = "Set HF_ENDPOINT to the address of a hub, or unset it."


def _is_api(url: str) -> bool:
    return "/api/" in url.partition("?")[0]


def _names_in(body: bytes) -> Iterator[Any]:
    """The values of a listing or description that become names. What is no JSON has none: the client refuses it."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return
    described = value if isinstance(value, dict) else {}
    siblings = described.get("siblings")
    entries: Iterable[Any] = value if isinstance(value, list) else [described, *_list(siblings)]
    for entry in entries:
        for part in (entry, entry.get("lfs")) if isinstance(entry, dict) else ():
            if isinstance(part, dict):
                yield from (part[key] for key in _NAMING_KEYS if part.get(key) is not None)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _require_name(value: Any) -> None:
    """Fail unless the value is one part of a path, in the form that the client uses."""
    name = value.lstrip("W/").strip('"') if isinstance(value, str) else "/"
    if name in ("", ".", "..") or any(character in name for character in "/\\\0"):
        raise StepFailed(
            "hub-error", f"the hub calls a file {str(value)[:200]!r}, which is no name in its cache", _OTHER_HUB
        )


def pinned_commit(base: str, revision: str | None) -> str:
    """The commit of a hub model. Fails with `revision-not-pinned` for a branch, a tag or a part of a commit."""
    if revision is None or len(revision) != 40:
        raise StepFailed(
            "revision-not-pinned",
            f"model.revision of {base} is {revision!r}, not a commit",
            "Set model.revision to the 40 hex digits of a commit.",
        )
    return revision


def explain(error: Exception, base: str, commit: str) -> StepFailed:
    """The failure with a code for an error of the hub's client."""
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, StepFailed):
        return error
    if isinstance(error, GatedRepoError):
        page = "Accept the model's conditions on its page, then set HF_TOKEN to a token of that account."
        return StepFailed("gated", f"{base} is gated, and the token has no access to it", page)
    if isinstance(error, RevisionNotFoundError):
        return StepFailed(
            "revision-missing", f"{base} has no commit {commit}", "Correct model.revision, or run exp pin."
        )
    if isinstance(error, RepositoryNotFoundError):
        help = "Check the spelling, or set HF_TOKEN to a token that can read the private model."
        return StepFailed("model-not-found", f"the hub has no model {base}, or it is private", help)
    if isinstance(error, HFValidationError):
        return StepFailed("model-name", f"{base!r} is not a hub id", "Set model.base to org/name.")
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status in (401, 403):
            return StepFailed("token-refused", f"the hub refused access to {base} ({status})", "Check HF_TOKEN.")
        return StepFailed("hub-error", f"the hub returned status {status} for {base}", "Try again later.")
    if isinstance(error, OSError) and error.errno is not None and error.errno in (28, 122):
        return StepFailed("disk-full", f"the disk is full while downloading {base}", "Free disk space, then run again.")
    offline = isinstance(error, OfflineModeIsEnabled)
    reason = (
        "HF_HUB_OFFLINE is set"
        if offline
        else f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    )
    help = "Connect, or copy the model into the Hugging Face cache of this machine. Downloaded files are kept."
    return StepFailed("offline", f"cannot reach the hub for {base} ({reason})", help)
