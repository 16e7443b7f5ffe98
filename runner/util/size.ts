const powers: Readonly<Record<string, number>> = { "": 0, K: 1, M: 2, G: 3, T: 4 };

/**
 * Bytes of a size that a person wrote: "24GB" and "24 GB" are decimal, "16GiB" is binary, "500" is bytes; "20G" is read as
 * 20GB. Undefined for anything else.
 */
export function parseSize(text: string): number | undefined {
  const [, number, prefix = "", binary] = /^(\d+(?:\.\d+)?) ?(?:([KMGT])(i)?)?B?$/i.exec(text.trim()) ?? [];
  if (number === undefined) return undefined;
  const base = binary === undefined ? 1000 : 1024;
  return Number(number) * base ** (powers[prefix.toUpperCase()] as number);
}
