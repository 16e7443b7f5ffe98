/** Number of consecutive words that a text does not share with a row by chance. */
const sharedWords = 12;
/** A shorter row must match as a whole. A row with fewer words than this is not searched: it may be a label. */
const fewestWords = 5;

/** A word, or one character of a script without spaces. */
const word =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}])[\p{L}\p{N}])+/gu;

/** The words of a text in lower case. Escapes of JSON strings are decoded. */
function wordsOf(text: string): readonly string[] {
  const plain = text
    .replaceAll(/\\u([0-9a-fA-F]{4})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    .replaceAll(/\\[nrtbf"\\/]/g, " ");
  return plain.normalize("NFKC").toLowerCase().match(word) ?? [];
}

/** Searches texts for rows of the data. */
export class RowSearch {
  readonly #runs = new Map<string, Set<string>>();
  readonly #texts: readonly (readonly [name: string, text: string])[];

  /** `texts`: name -> text. */
  constructor(texts: Readonly<Record<string, string>>) {
    this.#texts = Object.entries(texts).map(([name, text]) => {
      const words = wordsOf(text);
      for (let at = 0; at + sharedWords <= words.length; at++) {
        const key = words.slice(at, at + sharedWords).join(" ");
        const names = this.#runs.get(key);
        if (names === undefined) this.#runs.set(key, new Set([name]));
        else names.add(name);
      }
      return [name, ` ${words.join(" ")} `];
    });
  }

  /** Names of the texts that contain the row, or twelve consecutive words of it. */
  textsWith(row: string): ReadonlySet<string> {
    const words = wordsOf(row);
    if (words.length < fewestWords) return new Set();
    if (words.length < sharedWords) {
      const whole = ` ${words.join(" ")} `;
      return new Set(this.#texts.flatMap(([name, text]) => (text.includes(whole) ? [name] : [])));
    }
    const found = new Set<string>();
    for (let at = 0; at + sharedWords <= words.length; at++) {
      for (const name of this.#runs.get(words.slice(at, at + sharedWords).join(" ")) ?? []) found.add(name);
    }
    return found;
  }
}

const folders =
  "home|Users|root|tmp|mnt|media|scratch|content|kaggle|workspace|private|Volumes|gpfs|lustre|var|opt|data";
const pathInText = new RegExp(`(?<![\\w./:~-])/(?:${folders})/[\\w.@+-]+|\\b[A-Za-z]:\\\\+(?:[\\w .-]+\\\\+)+`);
const absolute = /^(?:(?:\/[^/\s]+){2,}|[A-Za-z]:\\[^\s\\]+\\)/;

/**
 * The first absolute path in a text: in a JSON file a value that is one, in another text what matches the pattern of one. In both
 * also a path below a folder in `own` (the project, the user's home).
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

const secretPatterns: Readonly<Record<string, RegExp>> = {
  "a Hugging Face token": /\bhf_[A-Za-z0-9]{20,}/,
  "an API key": /\bsk-(?:[a-z]+-)?[A-Za-z0-9_-]{20,}/,
  "a GitHub token": /\b(?:gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})/,
  "an AWS key": /\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/,
  "a private key": /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  "a web token": /\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\./,
};

/** The kind of secret that a text seems to contain. Never returns the secret. */
export function secretIn(text: string): string | undefined {
  return Object.entries(secretPatterns).find(([, shape]) => shape.test(text))?.[0];
}
