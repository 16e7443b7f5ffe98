/** A file's text without its byte-order mark, and the encoding that it was read in. */
export type Decoded = { readonly text: string; readonly encoding: "utf-8" | "utf-16le" | "utf-16be" | "windows-1252" };

/** Decodes bytes as UTF-8, as UTF-16 if a byte-order mark or zero bytes indicate it, else as Windows-1252. */
export function decode(bytes: Uint8Array): Decoded {
  const [first, second] = bytes;
  if ((first === 0xff && second === 0xfe) || (first !== 0 && second === 0)) return as(bytes, "utf-16le");
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0 && second !== undefined))
    return as(bytes, "utf-16be");
  try {
    return { text: new TextDecoder("utf-8", { fatal: true }).decode(bytes), encoding: "utf-8" };
  } catch {
    return as(bytes, "windows-1252");
  }
}

function as(bytes: Uint8Array, encoding: Exclude<Decoded["encoding"], "utf-8">): Decoded {
  return { text: new TextDecoder(encoding).decode(bytes), encoding };
}
