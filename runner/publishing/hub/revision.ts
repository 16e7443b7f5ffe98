import { HubApiError, modelInfo } from "@huggingface/hub";
import { hubToken } from "../../setup/hub-token.ts";
import { boundedFetch } from "../../util/bounded-fetch.ts";
import { isOffline } from "../../util/offline.ts";
import { UserError } from "../../util/user-error.ts";
import { hubAddress, libraryToken, withToken } from "./connection.ts";

/** A commit of a hub model. `gated`: its files require accepted conditions and a token; the commit does not. */
export type Resolved = { readonly commit: string; readonly gated: boolean };

const limits = { time: 30_000, bytes: 32 * 2 ** 20 };

/**
 * Finds the current commit of a branch or tag of a hub model, on HF_ENDPOINT or the public hub, with the user's token.
 * Throws UserError: offline, model-not-found, revision-missing, gated, token-refused, hub-error.
 */
export async function resolveRevision(
  base: string,
  revision: string,
  { env, stop }: { readonly env: Readonly<Record<string, string | undefined>>; readonly stop: AbortSignal },
): Promise<Resolved> {
  if (isOffline(env)) {
    const help = "unset it, or copy the commit from the model's page";
    throw new UserError("offline", "cannot query the hub: HF_HUB_OFFLINE is set", { help });
  }
  const token = hubToken(env);
  const hub = hubAddress(env);
  let reason: string | null = null;
  const send: typeof fetch = async (url, init) => {
    const signed = withToken(url, init, { token, hub });
    const response = await boundedFetch(url, signed, { limits, signals: [stop] });
    reason = response.headers.get("x-error-code");
    return response;
  };
  try {
    const { sha, gated } = await modelInfo({
      name: base,
      revision,
      additionalFields: ["sha"],
      fetch: send,
      hubUrl: hub,
      ...(token === undefined ? {} : { accessToken: libraryToken(token) }),
    });
    if (typeof sha === "string" && /^[0-9a-f]{40}$/.test(sha)) return { commit: sha, gated: Boolean(gated) };
    throw new UserError("hub-error", `the hub's answer for ${base} has no commit`, { help: "try again later" });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw explain(error, reason, { base, revision, hub: new URL(hub).host, hasToken: token !== undefined });
  }
}

/** The UserError for an error of the hub. Without a token, the hub answers 401 also for models that do not exist. */
function explain(
  error: unknown,
  reason: string | null,
  query: { readonly base: string; readonly revision: string; readonly hub: string; readonly hasToken: boolean },
): UserError {
  const { base, revision, hub, hasToken } = query;
  const status = error instanceof HubApiError ? error.statusCode : undefined;
  if (reason === "GatedRepo" || (status === 403 && reason === null)) {
    return new UserError(
      "gated",
      `${base} is gated, and ${hasToken ? "this token has no access" : "there is no token"}`,
      {
        help: "accept the conditions on the model's page, then set HF_TOKEN to a token of that account",
      },
    );
  }
  if (reason === "RevisionNotFound") {
    return new UserError("revision-missing", `${base} has no branch, tag or commit "${revision}"`, {
      help: "correct model.revision, or name another with --to",
    });
  }
  if (status === 404 || reason === "RepoNotFound" || (status === 401 && !hasToken)) {
    return new UserError("model-not-found", `${hub} has no model ${base}, or it is private`, {
      help: "check the spelling. For a private model, set HF_TOKEN to a token with read access",
    });
  }
  if (status === 401 || status === 403) {
    return new UserError("token-refused", `${hub} rejected the token (${status})`, {
      help: "set HF_TOKEN to a valid token",
    });
  }
  if (status !== undefined) {
    return new UserError("hub-error", `${hub} answered ${status} for ${base}`, { help: "try again later" });
  }
  const cause = (error as Error).cause;
  const why = cause instanceof Error && cause.message !== "" ? cause.message : (error as Error).message;
  return new UserError("offline", `the connection to ${hub} failed: ${why}`, {
    help: "connect this machine, or copy the commit from the model's page",
  });
}
