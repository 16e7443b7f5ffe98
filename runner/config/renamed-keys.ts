import type { Path } from "./node.ts";

/** Keys of earlier versions, by dotted path, and the key that replaces each. */
const renamedKeys: Readonly<Record<string, string>> = {
  "evaluate.on": "evaluate.split",
  "evaluate.bootstrap.samples": "evaluate.bootstrap.resamples",
  "sweep.samples": "sweep.trials",
};

/** The error for a key that has a new name; undefined for any other key. */
export function renamedKey(path: Path): { code: "renamed-key"; message: string; help: string } | undefined {
  const old = path.join(".");
  const name = Object.hasOwn(renamedKeys, old) ? renamedKeys[old] : undefined;
  if (name === undefined) return undefined;
  return { code: "renamed-key", message: `\`${old}\` is now \`${name}\``, help: `write ${name.split(".").at(-1)}` };
}
