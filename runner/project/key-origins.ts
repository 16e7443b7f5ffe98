import { join } from "node:path";
import { parse } from "yaml";
import { hubToken } from "../hub/token.ts";
import { engines } from "../plugins/engines/registry.ts";
import type { Credential } from "../plugins/step.ts";
import { isLoopback } from "../util/proxy.ts";
import { readRegularFile } from "../util/regular-file.ts";
import { UserError } from "../util/user-error.ts";
import { configFolder } from "./user-config.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Origin: scheme, host and port of a URL. */
type Origins = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * The value of an environment variable that is sent to a server as a key; undefined if it is not set. Throws UserError
 * `key-not-paired` unless the server is on this machine or the user paired both, and `bad-user-config`.
 */
export function keyFor(credential: Credential, env: Env): string | undefined {
  const problem = keyProblem(credential, env);
  if (problem !== undefined) throw problem;
  if (credential.variable === "HF_TOKEN") return hubToken(env);
  return Object.hasOwn(env, credential.variable) ? env[credential.variable] : undefined;
}

/** Why a key must not be sent to a server; undefined if it may. Throws UserError `bad-user-config`. */
export function keyProblem({ variable, url }: Credential, env: Env): UserError | undefined {
  if (URL.canParse(url) && isLoopback(url)) return undefined;
  // Throws if HF_ENDPOINT is no address.
  const paired = pairs(env).get(variable);
  const { origin } = new URL(url);
  if (paired?.has(origin) === true) return undefined;
  return new UserError(
    "key-not-paired",
    `cannot send ${variable} to ${origin}: your configuration does not pair them`,
    {
      help: `if ${variable} belongs to this server, add to ${configFile(env)}: keys: {${variable}: "${origin}"}`,
      status: "invalid",
    },
  );
}

/** The pairs of variable and origin: built in, from the user's configuration, and from EXP_KEY_ORIGINS. */
function pairs(env: Env): Origins {
  const found = new Map<string, Set<string>>();
  const add = (variable: string, url: string, where: string): void => {
    const isAddress = URL.canParse(url) && /^https?:$/.test(new URL(url).protocol);
    if (!isAddress) throw badConfig(where, `"${url}" is not the address of a server`);
    found.set(variable, (found.get(variable) ?? new Set()).add(new URL(url).origin));
  };
  add("HF_TOKEN", env.HF_ENDPOINT || "https://huggingface.co", "HF_ENDPOINT");
  for (const { keyOrigins = {} } of engines) {
    for (const [variable, origin] of Object.entries(keyOrigins)) add(variable, origin, "an engine");
  }
  for (const pair of (env.EXP_KEY_ORIGINS ?? "").split(/[\s,]+/).filter((text) => text !== "")) {
    const [, variable, url] = /^([A-Za-z_][A-Za-z0-9_]*)=(.+)$/.exec(pair) ?? [];
    if (variable === undefined || url === undefined)
      throw badConfig("EXP_KEY_ORIGINS", `"${pair}" is not NAME=ADDRESS`);
    add(variable, url, "EXP_KEY_ORIGINS");
  }
  for (const [variable, urls] of Object.entries(configuredKeys(env))) {
    for (const url of [urls].flat()) add(variable, String(url), configFile(env));
  }
  return found;
}

/** `keys` of the user's configuration: variable -> address, or a list of addresses. */
function configuredKeys(env: Env): Readonly<Record<string, unknown>> {
  const file = configFile(env);
  let text: string;
  try {
    text = readRegularFile(file, "configuration").toString("utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return {};
    throw error;
  }
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw badConfig(file, (error as Error).message.split("\n")[0] as string);
  }
  if (value === null) return {};
  const { keys = {}, ...others } = isMap(value) ? value : { "": value };
  if (Object.keys(others).length > 0) throw badConfig(file, "it must be a map with the only key keys");
  if (!isMap(keys)) throw badConfig(file, "keys must map variables to addresses");
  return keys;
}

function badConfig(where: string, reason: string): UserError {
  return new UserError("bad-user-config", `cannot read ${where}: ${reason}`, {
    help: 'write keys: {MY_KEY: "https://api.example.com"}, or EXP_KEY_ORIGINS="MY_KEY=https://api.example.com"',
    status: "invalid",
  });
}

const configFile = (env: Env): string => join(configFolder(env), "config.yaml");

const isMap = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
