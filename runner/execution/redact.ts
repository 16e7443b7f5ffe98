import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

const secretName =
  /(^|_)(API_?KEYS?|TOKENS?|SECRETS?|KEY|PASSWORD|PASSWD|PASSPHRASE|PASS|PWD|PAT|JWT|CREDENTIALS?|COOKIE)$|^PGPASSWORD$/i;
/** Variables of the system that the pattern includes, and that are no secrets. */
const plainNames = new Set(["PWD", "OLDPWD"]);
/** A Hugging Face token, and a user name with a password in an address. */
const secretShape = /\bhf_[A-Za-z0-9]{20,}|(?<=:\/\/)[^\s/:@"]+:[^\s/@"]+(?=@)/g;

/** Replaces every secret in a text by "[redacted]". */
export type Redact = (text: string) => string;

/**
 * Redacts the secrets of this process: tokens and keys among its environment variables, the variables in `names`, and
 * the Hugging Face token file. Values shorter than 8 characters are not redacted, because they occur in ordinary text.
 */
export function redactor(env: NodeJS.ProcessEnv, names: readonly string[] = []): Redact {
  const values = Object.entries(env).flatMap(([name, value]) =>
    value !== undefined && ((secretName.test(name) && !plainNames.has(name)) || names.includes(name))
      ? [value.trim()]
      : [],
  );
  const secrets = [...new Set([...values, tokenFile(env)])].filter((value) => value.length >= 8);
  secrets.sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const secret of secrets) clean = clean.replaceAll(secret, "[redacted]");
    return clean.replace(secretShape, "[redacted]");
  };
}

/** The token that `hf auth login` stored, or "". */
function tokenFile(env: NodeJS.ProcessEnv): string {
  const home = env.HF_HOME ?? join(env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "huggingface");
  try {
    return readFileSync(env.HF_TOKEN_PATH ?? join(home, "token"), "utf8").trim();
  } catch {
    return "";
  }
}
