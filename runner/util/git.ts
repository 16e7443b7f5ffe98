import { execFileSync } from "node:child_process";

/**
 * Runs git in a folder and returns its trimmed output. Throws if git fails, is missing, or takes more than ten seconds.
 */
export type Git = (...args: readonly string[]) => string;

const settings = {
  "core.fsmonitor": "false",
  "core.hooksPath": "/dev/null",
  "log.showSignature": "false",
  // A folder of a clone may have the layout of a bare repository, with settings of its own.
  "safe.bareRepository": "explicit",
};

/**
 * Variables that make git read another repository, or parts of one, than that of the folder. Hooks of git set some of
 * them.
 */
const ofRepository =
  /^GIT_(DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE|PREFIX|GRAFT_FILE|SHALLOW_FILE|REPLACE_REF_BASE|NO_REPLACE_OBJECTS|CONFIG|CONFIG_PARAMETERS)$/;

const withoutRepository = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !ofRepository.test(name)));

/** Commands that read no content of the working tree, so that they run no filter. */
const withoutContent = new Set(["config", "log", "ls-files", "rev-parse"]);

/** git without the programs that the settings of a repository name: hooks, filters, monitors and transports. */
export function gitIn(folder: string): Git {
  const fixed = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  const run = (args: readonly string[], variables: Readonly<Record<string, string>>): string =>
    execFileSync("git", ["-C", folder, "--no-pager", "--literal-pathspecs", ...fixed, ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      timeout: 10_000,
      maxBuffer: 64 * 2 ** 20,
      env: {
        ...withoutRepository(process.env),
        ...variables,
        // Without locks, git does not write the index and runs no hook.
        GIT_OPTIONAL_LOCKS: "0",
        // An object that a partial clone lacks is not fetched: the transport may be any program.
        GIT_NO_LAZY_FETCH: "1",
        GIT_ALLOW_PROTOCOL: "none",
        GIT_TERMINAL_PROMPT: "0",
      },
    });
  let variables: Readonly<Record<string, string>> | undefined;
  return (...args) => {
    if (withoutContent.has(args[0] as string)) return run(args, {}).trim();
    variables ??= withoutFilters(run(["config", "--show-scope", "--null", "--list"], {}));
    return run(args, variables).trim();
  };
}

/** Variables that replace each filter that the repository sets by that of the user, or by none. */
function withoutFilters(listing: string): Readonly<Record<string, string>> {
  const values = new Map<string, string>();
  const parts = listing.split("\0");
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const [scope, entry] = parts.slice(at, at + 2) as [string, string];
    const end = entry.indexOf("\n");
    const key = end < 0 ? entry : entry.slice(0, end);
    if (!/^filter\..*\.(clean|smudge|process|required)$/s.test(key)) continue;
    if (scope !== "local" && scope !== "worktree") values.set(key, end < 0 ? "true" : entry.slice(end + 1));
    else if (!values.has(key)) values.set(key, key.endsWith(".required") ? "false" : "");
  }
  const variables = [...values].flatMap(([key, value], at) => [
    [`GIT_CONFIG_KEY_${at}`, key],
    [`GIT_CONFIG_VALUE_${at}`, value],
  ]);
  return Object.fromEntries([["GIT_CONFIG_COUNT", String(values.size)], ...variables]);
}
