import { UserError } from "../util/user-error.ts";
import type { Probe, Where } from "./probe.ts";

/** A Python interpreter on this machine. */
export type Python = {
  readonly path: string;
  readonly version: string;
  /** "cp311": the tag of the wheels that it can install. */
  readonly tag: string;
  /** Whether it can create environments with pip. Debian packages the venv module separately. */
  readonly hasVenv: boolean;
  readonly supported: boolean;
};

/** Minor versions of Python 3 for which the locked packages have wheels. */
export const supportedPythons = [11, 12, 13];

const question = `
import importlib.util, json, sys
has = all(importlib.util.find_spec(name) for name in ("venv", "ensurepip"))
print(json.dumps([sys.executable, list(sys.version_info[:3]), has]))
`;

/** The interpreters on PATH, in order of preference; only $EXP_PYTHON if it is set. */
export async function findPythons(env: Where["env"], probe: Probe): Promise<readonly Python[]> {
  const names = env.EXP_PYTHON ? [env.EXP_PYTHON] : ["python3.12", "python3.11", "python3.13", "python3"];
  const answers = await Promise.all(names.map((name) => probe(name, ["-c", question])));
  const found = new Map<string, Python>();
  for (const answer of answers) {
    const python = parse(answer);
    if (python && !found.has(python.path)) found.set(python.path, python);
  }
  return [...found.values()];
}

/**
 * The interpreter for a new environment: the first supported one with venv, preferably one that a local torch wheel fits. Throws
 * UserError `python-without-venv` or `no-python`.
 */
export function choosePython(pythons: readonly Python[], env: Where["env"], wheelTags: readonly string[]): Python {
  const usable = pythons.filter(({ supported, hasVenv }) => supported && hasVenv);
  const chosen = usable.find(({ tag }) => wheelTags.includes(tag)) ?? usable[0];
  if (chosen) return chosen;
  const range = `3.${supportedPythons[0]} to 3.${supportedPythons.at(-1)}`;
  const lacking = pythons.find(({ supported }) => supported);
  if (lacking) {
    throw new UserError("python-without-venv", `Python ${lacking.version} (${lacking.path}) has no venv module`, {
      help: `install it (Debian, Ubuntu: apt-get install python${lacking.version.replace(/\.\d+$/, "")}-venv)`,
    });
  }
  const source = env.EXP_PYTHON ? `EXP_PYTHON=${env.EXP_PYTHON}` : "PATH";
  const seen = pythons.map(({ version, path }) => `${version} (${path})`).join(", ");
  throw new UserError("no-python", `no Python ${range} in ${source}${seen ? `, only ${seen}` : ""}`, {
    help: `install Python ${range}, or set EXP_PYTHON to its interpreter`,
  });
}

function parse(answer: string | undefined): Python | undefined {
  if (answer === undefined) return undefined;
  const [path, [major, minor, patch], hasVenv] = JSON.parse(answer) as [string, [number, number, number], boolean];
  return {
    path,
    version: `${major}.${minor}.${patch}`,
    tag: `cp${major}${minor}`,
    hasVenv,
    supported: major === 3 && supportedPythons.includes(minor),
  };
}
