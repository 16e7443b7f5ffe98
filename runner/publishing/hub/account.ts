import { whoAmI } from "@huggingface/hub";
import { type Hub, HubResponseError, hubParams } from "../../hub/connection.ts";
import { type FailedCheck, failedCheck } from "../release/release.ts";

/** The part of the hub's answer about a token that concerns write access. */
type Account = {
  readonly name: string;
  readonly orgs?: readonly { readonly name: string; readonly roleInOrg?: string }[];
  readonly auth: {
    readonly accessToken?: {
      readonly role: string;
      readonly fineGrained?: {
        readonly scoped?: readonly {
          readonly entity: { readonly name?: string };
          readonly permissions: readonly string[];
        }[];
      };
    };
  };
};

/** Checks that the user's token has write access to a repository. Throws what `Hub.fetch` throws. */
export async function checkAccount(hub: Hub, repo: string): Promise<readonly FailedCheck[]> {
  const help = "set HF_TOKEN to a token with write access (on the hub: Settings, Access Tokens)";
  if (hub.token === undefined) {
    return [failedCheck("hub-token", "no token: HF_TOKEN is not set, and no login has stored one", help)];
  }
  let account: Account;
  try {
    account = (await whoAmI(hubParams(hub))) as unknown as Account;
  } catch (error) {
    if (!(error instanceof HubResponseError) || (error.status !== 401 && error.status !== 403)) throw error;
    return [failedCheck("hub-token", `the hub rejects the token (${error.status})`, help)];
  }
  const owner = repo.slice(0, repo.indexOf("/"));
  const org = account.orgs?.find(({ name }) => name === owner);
  if (account.name !== owner && org === undefined) {
    const message = `the token belongs to ${account.name}, who is neither ${owner} nor a member of it`;
    return [failedCheck("hub-token", message, `set upload.repo to ${account.name}/…, or use a token of ${owner}`)];
  }
  const role = account.auth.accessToken?.role;
  if (role === "fineGrained")
    return hasWriteScope(account, owner, repo) ? [] : [failedCheck("hub-token", noWriteAccess(repo), help)];
  if (role === "read" || org?.roleInOrg === "read") return [failedCheck("hub-token", noWriteAccess(repo), help)];
  return [];
}

const noWriteAccess = (repo: string): string => `the token has no write access to ${repo}`;

function hasWriteScope({ auth }: Account, owner: string, repo: string): boolean {
  return (auth.accessToken?.fineGrained?.scoped ?? []).some(
    ({ entity, permissions }) => (entity.name === owner || entity.name === repo) && permissions.includes("repo.write"),
  );
}
