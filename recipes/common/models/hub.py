"""The hub of models: the pinned commit of a model, and errors of the hub's client as failures of a step."""

from __future__ import annotations

from recipes.common.protocol import StepFailed


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
