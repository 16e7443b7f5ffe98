import type { Path } from "./node.ts";

/** Keys of earlier versions, by dotted path, and the key that replaces each. */
const renamedKeys: Readonly<Record<string, string>> = {
  "evaluate.on": "evaluate.split",
  "evaluate.bootstrap.samples": "evaluate.bootstrap.resamples",
  "sweep.samples": "sweep.trials",
};

/** Values of earlier versions, and the value that replaces each. */
const renamedValues: Readonly<Record<string, string>> = { macro_f1_gold: "macro_f1" };

/** The error for a value that has a new name; undefined for any other value. `name` is the key. */
export function renamedValue(
  name: string,
  value: unknown,
): { code: "renamed-value"; message: string; help: string } | undefined {
  const now = typeof value === "string" && Object.hasOwn(renamedValues, value) ? renamedValues[value] : undefined;
  if (now === undefined) return undefined;
  return { code: "renamed-value", message: `${name}: \`${value}\` is now \`${now}\``, help: `write ${now}` };
}

/** The error for a key that has a new name; undefined for any other key. */
export function renamedKey(path: Path): { code: "renamed-key"; message: string; help: string } | undefined {
  const old = path.join(".");
  const name = Object.hasOwn(renamedKeys, old) ? renamedKeys[old] : undefined;
  if (name === undefined) return undefined;
  return { code: "renamed-key", message: `\`${old}\` is now \`${name}\``, help: `write ${name.split(".").at(-1)}` };
}
