import { HubApiError } from "@huggingface/hub";
import { UserError } from "../util/user-error.ts";

/** What was asked of the hub. */
export type Query = {
  readonly kind: "model" | "dataset";
  readonly name: string;
  readonly revision: string;
  readonly hub: string;
  readonly hasToken: boolean;
};

const nouns = { model: "model", dataset: "data set" } as const;

/**
 * The UserError for an error of the hub: model-not-found, dataset-not-found, revision-missing, gated, token-refused, hub-error,
 * offline. `reason` is the header x-error-code. Without a token, the hub answers 401 also for what does not exist.
 */
export function explainHub(error: unknown, reason: string | null, query: Query): UserError {
  const { kind, name, revision, hub, hasToken } = query;
  const noun = nouns[kind];
  const status = error instanceof HubApiError ? error.statusCode : undefined;
  if (reason === "GatedRepo" || (status === 403 && reason === null)) {
    const why = hasToken ? "this token has no access" : "there is no token";
    return new UserError("gated", `${name} is gated, and ${why}`, {
      help: `accept the conditions on the ${noun}'s page, then set HF_TOKEN to a token of that account`,
    });
  }
  if (reason === "RevisionNotFound") {
    const key = kind === "model" ? "model.revision" : "the revision of the data set";
    return new UserError("revision-missing", `${name} has no branch, tag or commit "${revision}"`, {
      help: `correct ${key}, or name another with exp pin FILE --to`,
    });
  }
  if (status === 404 || reason === "RepoNotFound" || (status === 401 && !hasToken)) {
    return new UserError(
      kind === "model" ? "model-not-found" : "dataset-not-found",
      `${hub} has no ${noun} ${name}, or it is private`,
      {
        help: `check the spelling. For a private ${noun}, set HF_TOKEN to a token with read access`,
      },
    );
  }
  if (status === 401 || status === 403) {
    return new UserError("token-refused", `${hub} rejected the token (${status})`, {
      help: "set HF_TOKEN to a valid token",
    });
  }
  if (status !== undefined) {
    return new UserError("hub-error", `${hub} answered ${status} for ${name}`, { help: "try again later" });
  }
  const cause = (error as Error).cause;
  const why = cause instanceof Error && cause.message !== "" ? cause.message : (error as Error).message;
  return new UserError("offline", `the connection to ${hub} failed: ${why}`, {
    help:
      kind === "model"
        ? "connect this machine, or copy the commit from the model's page"
        : "connect this machine, then run the same command again",
  });
}
