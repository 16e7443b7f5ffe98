import { words } from "../../data/words.ts";
import { latinOf } from "./leak-rules.ts";

const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);
const lookAlike = new RegExp(`[${[...latinOf.keys()].join("")}]`, "gu");

/**
 * The words of a text for a comparison: escapes decoded, in lower case, without accents and invisible characters, with look-alike
 * letters replaced by Latin ones.
 */
export function wordsOf(text: string): readonly string[] {
  const decoded = unescaped(text);
  const plain = isAscii(decoded)
    ? decoded
    : decoded.normalize("NFKD").replaceAll(/[\p{Default_Ignorable_Code_Point}\p{Cf}\p{M}]/gu, "");
  return words(plain.toLowerCase().replaceAll(lookAlike, (letter) => latinOf.get(letter) as string));
}

/** The text without characters that are not visible, in compatibility form: a token in it is found by its shape. */
export function visible(text: string): string {
  return isAscii(text) ? text : text.normalize("NFKC").replaceAll(/[\p{Default_Ignorable_Code_Point}\p{Cf}]/gu, "");
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  shy: "",
};

/** Decodes escapes of JSON, URLs and HTML, also if they are nested. */
export function unescaped(text: string): string {
  let plain = text;
  for (let level = 0; level < 4 && /[\\%&]/.test(plain); level++) {
    const before = plain;
    plain = plain
      .replaceAll(/(?<!\\)\\+u\{?([0-9a-fA-F]{4,6})\}?/g, (whole, digits: string) =>
        codePoint(Number.parseInt(digits, 16), whole),
      )
      .replaceAll(/(?:\\x[0-9a-fA-F]{2})+/g, (whole) =>
        Buffer.from(whole.replaceAll("\\x", ""), "hex").toString("utf8"),
      )
      .replaceAll(/\\[nr]/g, "\n")
      .replaceAll(/\\[tbf"\\/]/g, " ")
      .replaceAll(/(?:%[0-9a-fA-F]{2})+/g, (whole) => Buffer.from(whole.replaceAll("%", ""), "hex").toString("utf8"))
      .replaceAll(/&#(?:x([0-9a-fA-F]{1,6})|(\d{1,7}));?/g, (whole, hex?: string, decimal?: string) =>
        codePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16), whole),
      )
      .replaceAll(/&([a-z]{2,5});/g, (whole, name: string) =>
        Object.hasOwn(entities, name) ? (entities[name] as string) : whole,
      );
    if (plain === before) break;
  }
  return plain;
}

function codePoint(value: number, otherwise: string): string {
  return value <= 0x10ffff ? String.fromCodePoint(value) : otherwise;
}

/** Base64, also over several lines, and hexadecimal bytes, also with separators. */
const base64Run = /[A-Za-z0-9+/_-]{16,}(?:\r?\n[ \t]*[A-Za-z0-9+/_-]{4,})*/g;
const hexRun = /(?:(?:0x)?[0-9a-fA-F]{2}[ \t\r\n:,;-]{0,2}){12,}/g;

/** The text, and the texts that are encoded in it as base64 or hexadecimal digits, also if they are nested. */
export function decodings(text: string): readonly string[] {
  const all = [text];
  let fresh = [text];
  for (let level = 0; level < 3 && fresh.length > 0; level++) {
    fresh = fresh.flatMap(encodedTexts);
    all.push(...fresh);
  }
  return all;
}

function encodedTexts(text: string): string[] {
  const plain = unescaped(text);
  const found: string[] = [];
  for (const source of plain === text ? [text] : [text, plain]) {
    for (const [run] of source.matchAll(base64Run)) {
      const digits = run.replaceAll(/\s/g, "");
      // Letters before the first encoded one, such as a part of an address, shift the groups of four.
      for (let shift = 0; shift < 4; shift++) add(found, Buffer.from(digits.slice(shift), "base64"));
    }
    for (const [run] of source.matchAll(hexRun)) {
      const digits = run.replaceAll(/0x|[^0-9a-fA-F]/g, "");
      for (let shift = 0; shift < 2; shift++) add(found, Buffer.from(digits.slice(shift), "hex"));
    }
  }
  return found.length === 0 ? found : [...new Set(found)];
}

function add(found: string[], bytes: Buffer): void {
  const decoded = bytes.toString("utf8");
  const letters = decoded.match(/[\p{L}\p{N}\s\p{P}]/gu)?.length ?? 0;
  const broken = decoded.match(/(?![\t\n\r])\p{Cc}|\ufffd/gu)?.length ?? 0;
  if (letters >= 10 && letters >= 0.85 * [...decoded].length && broken <= 0.05 * decoded.length + 1)
    found.push(decoded);
}
