import { absolutePath, labelRules, longestLabel, pathRules, personWords, secretRules } from "./leak-rules.ts";
import { unescaped, visible } from "./normalise-text.ts";

/**
 * The first place on a machine in a text: a path below a folder in `own` (the project, the user's home), what a path rule
 * matches, and in JSON also a value that is an absolute path. Of JSON, values are searched and keys are not.
 */
export function absolutePathIn(name: string, text: string, own: readonly string[]): string | undefined {
  const known = own.find(
    (folder) => folder.length > 3 && (text.includes(`${folder}/`) || unescaped(text).includes(`${folder}/`)),
  );
  if (known !== undefined) return known;
  if (name.endsWith(".json")) return pathInJson(text);
  if (!name.endsWith(".jsonl")) return pathInText(text);
  for (const line of text.split("\n")) {
    const found = line === "" ? undefined : pathInJson(line);
    if (found !== undefined) return found;
  }
  return undefined;
}

function pathInJson(text: string): string | undefined {
  try {
    return pathAmong(JSON.parse(text));
  } catch {
    return pathInText(text);
  }
}

function pathInText(text: string): string | undefined {
  const plain = visible(unescaped(text));
  for (const one of plain === text ? [text] : [text, plain])
    for (const rule of pathRules) {
      const found = rule.exec(one)?.[0];
      if (found !== undefined) return found;
    }
  return undefined;
}

function pathAmong(value: unknown): string | undefined {
  if (typeof value === "string") return absolutePath.exec(value)?.[0] ?? pathInText(value);
  if (typeof value !== "object" || value === null) return undefined;
  for (const inner of Object.values(value)) {
    const found = pathAmong(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The kind of secret that a text seems to contain. Never returns the secret. */
export function secretIn(text: string): string | undefined {
  const plain = visible(text);
  return secretRules.find(([, shape]) => shape.test(plain))?.[0];
}

/** Why a label may be a sentence about a person rather than a name of a class; undefined if it seems to be a label. */
export function sentenceIn(label: string): string | undefined {
  const plain = visible(unescaped(label));
  const rule = labelRules.find(([, shape]) => shape.test(plain));
  if (rule !== undefined) return rule[0];
  const words = plain.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length > longestLabel) return `has more than ${longestLabel} words`;
  if (words.length >= 5 && words.some((one) => personWords.has(one))) return "is a sentence about a person";
  return undefined;
}
