import { whoAmI } from "@huggingface/hub";
import { type Refusal, refusal } from "../release/release.ts";
import { asked, type Hub, HubRefusal } from "./connection.ts";

/** The hub's answer about a token, as far as it decides what may be written. */
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

/** Why the user's token may not write to a repository, if it may not. Throws what the connection throws. */
export async function accountRefusals(hub: Hub, repo: string): Promise<readonly Refusal[]> {
  const help = "set HF_TOKEN to a token of the hub that may write (its settings, access tokens)";
  if (hub.token === undefined) {
    return [refusal("hub-token", "there is no token in HF_TOKEN, nor in the file that a login writes", help)];
  }
  if (!hub.token.startsWith("hf_")) {
    return [refusal("hub-token", "what stands in HF_TOKEN is no token of the hub: these begin with hf_", help)];
  }
  let account: Account;
  try {
    account = (await whoAmI(asked(hub))) as unknown as Account;
  } catch (error) {
    if (!(error instanceof HubRefusal) || (error.status !== 401 && error.status !== 403)) throw error;
    return [refusal("hub-token", `the hub refuses the token (${error.status})`, help)];
  }
  const owner = repo.slice(0, repo.indexOf("/"));
  const org = account.orgs?.find(({ name }) => name === owner);
  if (account.name !== owner && org === undefined) {
    const message = `the token is ${account.name}'s, who is not ${owner} and no member of it`;
    return [refusal("hub-token", message, `write upload.repo: ${account.name}/…, or take a token of ${owner}`)];
  }
  const role = account.auth.accessToken?.role;
  if (role === "fineGrained") return mayWrite(account, owner, repo) ? [] : [refusal("hub-token", readOnly(repo), help)];
  if (role === "read" || org?.roleInOrg === "read") return [refusal("hub-token", readOnly(repo), help)];
  return [];
}

const readOnly = (repo: string): string => `the token may read and not write ${repo}`;

function mayWrite({ auth }: Account, owner: string, repo: string): boolean {
  return (auth.accessToken?.fineGrained?.scoped ?? []).some(
    ({ entity, permissions }) => (entity.name === owner || entity.name === repo) && permissions.includes("repo.write"),
  );
}
