import { datasetInfo, modelInfo } from "@huggingface/hub";
import { boundedFetch } from "../util/bounded-fetch.ts";
import { isOffline } from "../util/offline.ts";
import { UserError } from "../util/user-error.ts";
import { libraryToken, withToken } from "./connection.ts";
import { explainHub, type Query } from "./failure.ts";
import { hubUrlOf } from "./places.ts";
import { hubToken } from "./token.ts";

/** A commit of a repository of the hub. `gated`: its files require accepted conditions and a token; the commit does not. */
export type Resolved = { readonly commit: string; readonly gated: boolean };

const limits = { time: 30_000, bytes: 32 * 2 ** 20 };

/**
 * Finds the current commit of a branch or tag, on HF_ENDPOINT or the public hub, with the user's token. Throws UserError:
 * offline, model-not-found, dataset-not-found, revision-missing, gated, token-refused, hub-error.
 */
export async function resolveRevision(
  { kind, name, revision }: Pick<Query, "kind" | "name" | "revision">,
  { env, stop }: { readonly env: Readonly<Record<string, string | undefined>>; readonly stop: AbortSignal },
): Promise<Resolved> {
  if (isOffline(env)) {
    const help = "unset it, or copy the commit from the page of the repository";
    throw new UserError("offline", "cannot query the hub: HF_HUB_OFFLINE is set", { help });
  }
  const token = hubToken(env);
  const hubUrl = hubUrlOf(env);
  let reason: string | null = null;
  const send: typeof fetch = async (url, init) => {
    const signed = withToken(url, init, { token, hub: hubUrl });
    const response = await boundedFetch(url, signed, { limits, signals: [stop] });
    reason = response.headers.get("x-error-code");
    return response;
  };
  try {
    const access = { fetch: send, hubUrl, ...(token === undefined ? {} : { accessToken: libraryToken(token) }) };
    const { sha, gated } =
      kind === "model"
        ? await modelInfo({ name, revision, additionalFields: ["sha"], ...access })
        : await datasetInfo({ name, revision, additionalFields: ["sha"], ...access });
    if (typeof sha === "string" && /^[0-9a-f]{40}$/.test(sha)) return { commit: sha, gated: Boolean(gated) };
    throw new UserError("hub-error", `the hub's answer for ${name} has no commit`, { help: "try again later" });
  } catch (error) {
    if (error instanceof UserError) throw error;
    throw explainHub(error, reason, { kind, name, revision, hub: new URL(hubUrl).host, hasToken: token !== undefined });
  }
}
