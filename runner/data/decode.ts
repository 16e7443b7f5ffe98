/** A file's text without its byte-order mark, and the encoding that it was read in. */
export type Decoded = {
  readonly text: string;
  readonly encoding: "utf-8" | "utf-16le" | "utf-16be" | "windows-1252";
  /** The encoding of a byte-order mark that the rest of the file contradicts. */
  readonly contradicted?: "UTF-8" | "UTF-16" | undefined;
};

/**
 * Decodes bytes as UTF-8, as UTF-16 if a byte-order mark or zero bytes indicate it, else as Windows-1252. With
 * `isStart` the bytes may end within a character.
 */
export function decode(bytes: Uint8Array, isStart = false): Decoded {
  const [first, second, third] = bytes;
  const hasMark = (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
  // In UTF-16, the separators and line breaks of each data format have a zero byte.
  if (hasMark && bytes.length > 2 && !bytes.includes(0)) {
    return { ...decode(bytes.subarray(2), isStart), contradicted: "UTF-16" };
  }
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return as(bytes, "utf-16le");
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0 && second !== undefined))
    return as(bytes, "utf-16be");
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: isStart });
    return { text, encoding: "utf-8" };
  } catch {
    const isMarked = first === 0xef && second === 0xbb && third === 0xbf;
    return {
      text: windows1252(isMarked ? bytes.subarray(3) : bytes),
      encoding: "windows-1252",
      ...(isMarked ? { contradicted: "UTF-8" } : {}),
    };
  }
}

function as(bytes: Uint8Array, encoding: "utf-16le" | "utf-16be"): Decoded {
  return { text: new TextDecoder(encoding).decode(bytes), encoding };
}

/** The characters of the bytes 0x80 to 0x9f, which Latin-1 lacks. A byte without a character is U+FFFD. */
export const windows1252Extra = "€�‚ƒ„…†‡ˆ‰Š‹Œ�Ž��‘’“”•–—˜™š›œ�žŸ";

/** Some versions of Node decode Windows-1252 as Latin-1. */
function windows1252(bytes: Uint8Array): string {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
  return text.replace(/[\u0080-\u009f]/g, (character) => windows1252Extra.charAt(character.charCodeAt(0) - 0x80));
}
