/** An entry of the bibliography as text. */
export type Reference = { readonly key: string; readonly text: string };

/** Parses the BibTeX file of the package: one entry per line, values in braces. */
export function parseReferences(bibtex: string): readonly Reference[] {
  return bibtex.split("\n").flatMap((line) => {
    const key = /^@\w+\{([^,]+),/.exec(line)?.[1];
    if (key === undefined) return [];
    const field = (name: string): string | undefined => {
      const value = new RegExp(`[,\\s]${name}=\\{((?:[^{}]|\\{(?:[^{}]|\\{[^{}]*\\})*\\})*)\\}`).exec(line)?.[1];
      return value === undefined ? undefined : plain(value);
    };
    const venue = field("booktitle") ?? field("journal") ?? field("note");
    const text = [authors(field("author")), field("title"), venue, field("year")].filter((part) => part !== undefined);
    return [{ key, text: `${text.join(". ")}.` }];
  });
}

const accents: Readonly<Record<string, string>> = { '"': "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302" };

function plain(value: string): string {
  return value
    .replaceAll(
      /\{?\\(["'`^])\{?(\w)\}?\}?/g,
      (_, accent: string, character: string) => `${character}${accents[accent]}`,
    )
    .replaceAll(/[{}]/g, "")
    .replaceAll("--", "–")
    .normalize("NFC");
}

function authors(value: string | undefined): string | undefined {
  const names = value?.split(" and ").map((name) => {
    const [family, given] = name.split(", ");
    return given === undefined ? family : `${given} ${family}`;
  });
  if (names === undefined) return undefined;
  const [first] = names;
  if (names.length > 3 || names.at(-1) === "others") return `${first} et al`;
  return names.join(", ");
}
