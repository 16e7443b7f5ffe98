import { isUtf8 } from "node:buffer";
import { windows1252Extra } from "../../data/decode.ts";
import { words } from "../../data/words.ts";
import { latinOf } from "./leak-rules.ts";

const isAscii = (text: string): boolean => !/[^\0-\x7f]/.test(text);
const lookAlike = new RegExp(`[${[...latinOf.keys()].join("")}]`, "gu");

/**
 * The words of a text for a comparison: escapes decoded, in lower case, without tags, accents and invisible characters, with
 * look-alike letters replaced by Latin ones. "ä" and "ae", and "ß" and "ss", are the same.
 */
export function wordsOf(text: string): readonly string[] {
  const decoded = unescaped(text).replaceAll(tag, "").replaceAll(tokenStart, " ");
  const plain = isAscii(decoded)
    ? decoded
    : decoded.normalize("NFKD").replaceAll(/[\p{Default_Ignorable_Code_Point}\p{Cf}\p{M}]/gu, "");
  const latin = plain.toLowerCase().replaceAll(lookAlike, (letter) => latinOf.get(letter) as string);
  return words(latin.replaceAll(/([aou])e/g, "$1").replaceAll("ss", "s"));
}

/** A tag or comment of HTML, which may be between the letters of a word. */
const tag = /<(?:!--[^<>]{0,200}--|\/?[a-z][^<>]{0,200})>/gi;

/** What tokenizers write in the place of a blank or of a line end: Ġ, Ċ and ▁. */
const tokenStart = /[\u0120\u010a\u2581]/g;

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

/** A letter with an accent, such as &auml;. */
const accented = /&([a-zA-Z])(?:uml|acute|grave|circ|tilde|ring|cedil|caron|slash);/g;
const ligatures: Readonly<Record<string, string>> = { "&szlig;": "ß", "&aelig;": "æ", "&AElig;": "Æ", "&oelig;": "œ" };

/** Decodes escapes of JSON, URLs, HTML and e-mail, and UTF-8 that was read as Windows-1252, also if they are nested. */
export function unescaped(text: string): string {
  let plain = text;
  for (let level = 0; level < 4 && /[\\%&\u00c2-\u00f4]|=[0-9A-F]{2}|=\r?\n/.test(plain); level++) {
    const before = plain;
    plain = plain
      .replaceAll(
        /(?<!\\)\\+u(?:([0-9a-fA-F]{4})|\{([0-9a-fA-F]{1,6})\})/g,
        (whole, four?: string, any: string = four as string) => codePoint(Number.parseInt(any, 16), whole),
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
      .replaceAll(accented, "$1")
      .replaceAll(/&(?:szlig|aelig|AElig|oelig);/g, (name) => ligatures[name] as string)
      .replaceAll(/=\r?\n/g, "")
      .replaceAll(/(?:=[0-9A-F]{2})+/g, (whole) => Buffer.from(whole.replaceAll("=", ""), "hex").toString("utf8"))
      .replaceAll(misread, (whole) => {
        const bytes = Buffer.from(Array.from(whole, byteOf));
        return isUtf8(bytes) ? bytes.toString("utf8") : whole;
      })
      .replaceAll(/&([a-z]{2,5});/g, (whole, name: string) =>
        Object.hasOwn(entities, name) ? (entities[name] as string) : whole,
      );
    if (plain === before) break;
  }
  return plain;
}

/** The bytes of a character in UTF-8, each as a character of Windows-1252. */
const misread = new RegExp(`(?:[\\u00c2-\\u00f4][\\u0080-\\u00bf${windows1252Extra}]{1,3})+`, "g");

function byteOf(character: string): number {
  const at = windows1252Extra.indexOf(character);
  return at < 0 ? character.charCodeAt(0) : 0x80 + at;
}

function codePoint(value: number, otherwise: string): string {
  return value <= 0x10ffff ? String.fromCodePoint(value) : otherwise;
}

/** Base64, also in several pieces, and hexadecimal and decimal bytes, also with separators. */
const base64Run = /[A-Za-z0-9+/_-]{8,}(?:[ \t\r\n"',>]{1,8}[A-Za-z0-9+/_-]{4,})*/g;
const shortestBase64 = 16;
const hexRun = /(?:(?:0x|U\+00)?[0-9a-fA-F]{2}[ \t\r\n:,;"'-]{0,4}){12,}/g;
const decimalRun = /(?:\b\d{2,3}\b[ \t\r\n,;]{1,4}){12,}/g;

/** The text, and the texts that are encoded in it as base64 or hexadecimal digits, also if they are nested. */
export function decodings(text: string): readonly string[] {
  const all = [text];
  let fresh = [text];
  for (let level = 0; level < 3 && fresh.length > 0; level++) {
    fresh = fresh.flatMap(encodedTexts);
    for (const one of fresh) all.push(one);
  }
  return all;
}

function encodedTexts(text: string): string[] {
  const plain = unescaped(text);
  const found: string[] = [];
  for (const source of plain === text ? [text] : [text, plain]) {
    for (const [run] of source.matchAll(base64Run)) {
      const digits = run.replaceAll(/[^A-Za-z0-9+/_-]/g, "");
      if (digits.length < shortestBase64) continue;
      // Letters before the first encoded one, such as a part of an address, shift the groups of four.
      for (let shift = 0; shift < 4; shift++) add(found, Buffer.from(digits.slice(shift), "base64"));
    }
    for (const [run] of source.matchAll(hexRun)) {
      const digits = run.replaceAll(/0x|U\+00|[^0-9a-fA-F]/g, "");
      for (let shift = 0; shift < 2; shift++) add(found, Buffer.from(digits.slice(shift), "hex"));
    }
    for (const [run] of source.matchAll(decimalRun)) {
      const values = run.match(/\d+/g)?.map(Number) ?? [];
      if (values.every((one) => one < 256)) add(found, Buffer.from(values));
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
