/** Consecutive words that a text has in common with a row by more than chance. */
const run = 12;
/** A shorter row is looked for as a whole, if it has this many words: fewer are a label and no finding. */
const fewest = 5;

/** Scripts without spaces are read character by character. */
const word =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}])[\p{L}\p{N}])+/gu;

/** Words in lower case; how JSON writes quotes, line breaks and other characters makes no difference. */
function wordsOf(text: string): readonly string[] {
  const plain = text
    .replaceAll(/\\u([0-9a-fA-F]{4})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    .replaceAll(/\\[nrtbf"\\/]/g, " ");
  return plain.normalize("NFKC").toLowerCase().match(word) ?? [];
}

/** Looks for rows of the data in texts that are to be published. */
export class RowSearch {
  readonly #runs = new Map<string, Set<string>>();
  readonly #texts: readonly (readonly [name: string, text: string])[];

  /** `texts`: name of each text -> what it says. */
  constructor(texts: Readonly<Record<string, string>>) {
    this.#texts = Object.entries(texts).map(([name, text]) => {
      const words = wordsOf(text);
      for (let at = 0; at + run <= words.length; at++) {
        const key = words.slice(at, at + run).join(" ");
        const names = this.#runs.get(key);
        if (names === undefined) this.#runs.set(key, new Set([name]));
        else names.add(name);
      }
      return [name, ` ${words.join(" ")} `];
    });
  }

  /** The texts that hold the row, or twelve of its words in their order. */
  textsWith(row: string): ReadonlySet<string> {
    const words = wordsOf(row);
    if (words.length < fewest) return new Set();
    if (words.length < run) {
      const whole = ` ${words.join(" ")} `;
      return new Set(this.#texts.flatMap(([name, text]) => (text.includes(whole) ? [name] : [])));
    }
    const found = new Set<string>();
    for (let at = 0; at + run <= words.length; at++) {
      for (const name of this.#runs.get(words.slice(at, at + run).join(" ")) ?? []) found.add(name);
    }
    return found;
  }
}

const folders =
  "home|Users|root|tmp|mnt|media|scratch|content|kaggle|workspace|private|Volumes|gpfs|lustre|var|opt|data";
const pathInText = new RegExp(`(?<![\\w./:~-])/(?:${folders})/[\\w.@+-]+|\\b[A-Za-z]:\\\\+(?:[\\w .-]+\\\\+)+`);
const absolute = /^(?:(?:\/[^/\s]+){2,}|[A-Za-z]:\\[^\s\\]+\\)/;

/**
 * The first absolute path in a file's text: a value of a JSON file that is one, what looks like one in other texts, and in both
 * whatever begins with one of the folders in `own` (this project, this user).
 */
export function absolutePathIn(name: string, text: string, own: readonly string[]): string | undefined {
  const known = own.find((folder) => folder.length > 3 && text.includes(`${folder}/`));
  if (known !== undefined) return known;
  if (!name.endsWith(".json")) return pathInText.exec(text)?.[0];
  try {
    return pathAmong(JSON.parse(text));
  } catch {
    return pathInText.exec(text)?.[0];
  }
}

function pathAmong(value: unknown): string | undefined {
  if (typeof value === "string") return absolute.exec(value)?.[0];
  if (typeof value !== "object" || value === null) return undefined;
  for (const inner of Object.values(value)) {
    const found = pathAmong(inner);
    if (found !== undefined) return found;
  }
  return undefined;
}

const keyShapes: Readonly<Record<string, RegExp>> = {
  "a Hugging Face token": /\bhf_[A-Za-z0-9]{20,}/,
  "an API key": /\bsk-(?:[a-z]+-)?[A-Za-z0-9_-]{20,}/,
  "a GitHub token": /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})/,
  "an AWS key": /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  "a private key": /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  "a web token": /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\./,
};

/** What kind of secret a text seems to hold. The secret itself is never given. */
export function secretIn(text: string): string | undefined {
  return Object.entries(keyShapes).find(([, shape]) => shape.test(text))?.[0];
}
