import { UserError } from "./user-error.ts";

const powers: Readonly<Record<string, number>> = { "": 0, K: 1, M: 2, G: 3, T: 4 };

/**
 * Bytes of a size: "24GB" and "24 GB" are decimal (10^9), "16GiB" is binary (2^30), "500" is bytes, and "20G" means 20GB.
 * Undefined for anything else.
 */
export function parseSize(text: string): number | undefined {
  const [, number, prefix = "", binary] = /^(\d+(?:\.\d+)?) ?(?:([KMGT])(i)?)?B?$/i.exec(text.trim()) ?? [];
  if (number === undefined) return undefined;
  const base = binary === undefined ? 1000 : 1024;
  return Number(number) * base ** (powers[prefix.toUpperCase()] as number);
}

/** Bytes of a size, as parseSize reads it. Throws UserError `bad-size` for anything else. */
export function bytesOf(text: string): number {
  const bytes = parseSize(text);
  if (bytes !== undefined) return bytes;
  throw new UserError("bad-size", `not a size: "${text}"`, {
    help: "write a number and a unit, such as 20GB or 16GiB",
  });
}
