/** How the number of a cell is shown: as a date, by a pattern of digits and fixed text ("0000"), or as it is stored. */
export type NumberFormat = "date" | readonly PatternPart[] | undefined;

/** A required or optional digit, or a fixed text. */
type PatternPart = "0" | "#" | { readonly text: string };

/** Numbers of the date and time formats that every workbook has. */
const builtInDates = (id: number): boolean =>
  (id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 45 && id <= 47) || (id >= 50 && id <= 58);

/** The format of a style: its number, and its code if the workbook declares one. */
export function numberFormat(id: number, code: string | undefined): NumberFormat {
  if (code === undefined) return builtInDates(id) ? "date" : undefined;
  return isDate(code) ? "date" : pattern(code);
}

/** Whether a number format shows a date or time: colours, conditions and quoted text do not count. */
function isDate(code: string): boolean {
  return /[ymdhs]/i.test(code.replaceAll(/\[[^[\]]*\]|"[^"]*"|\\./g, "").replaceAll(/general|e[+-]/gi, ""));
}

/** Digits and fixed text; undefined if the code rounds, scales or groups, because a shown number then lacks information. */
function pattern(code: string): readonly PatternPart[] | undefined {
  const parts: PatternPart[] = [];
  const token = /([0#])|"([^"]*)"|\\(.)|([-()/: ])|(.)/gsu;
  for (const [, digit, quoted, escaped, plain, other] of (code.split(";")[0] as string).matchAll(token)) {
    if (other !== undefined) return undefined;
    parts.push(digit === undefined ? { text: quoted ?? escaped ?? (plain as string) } : (digit as "0" | "#"));
  }
  const isPlain =
    parts.every((part) => part === "0" || part === "#") && parts.filter((part) => part === "0").length < 2;
  return isPlain || !parts.some((part) => part === "0" || part === "#") ? undefined : parts;
}

/** A whole number as a pattern shows it: 7 by "0000" is 0007. Digits fill it from the right; the first place takes the rest. */
export function byPattern(parts: readonly PatternPart[], number: number): string | undefined {
  if (!Number.isSafeInteger(number)) return undefined;
  let digits = String(Math.abs(number));
  const first = parts.findIndex((part) => part === "0" || part === "#");
  let text = "";
  for (let at = parts.length - 1; at >= 0; at--) {
    const part = parts[at] as PatternPart;
    if (typeof part === "object") text = part.text + text;
    else if (at === first) text = (digits === "" && part === "0" ? "0" : digits) + text;
    else {
      text = (digits.at(-1) ?? (part === "0" ? "0" : "")) + text;
      digits = digits.slice(0, -1);
    }
  }
  return number < 0 ? `-${text}` : text;
}
