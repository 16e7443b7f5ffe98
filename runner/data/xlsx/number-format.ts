/**
 * How the number of a cell is shown: as a date, a time of day or a duration, with a number of decimals or as a
 * percentage, as a fraction, by a pattern of digits and fixed text ("0000"), or as it is stored.
 */
export type NumberFormat =
  | "date"
  | "time"
  | "duration"
  | { readonly decimals: number; readonly isPercent: boolean }
  | { readonly denominator: number }
  | readonly PatternPart[]
  | undefined;

/** A required or optional digit, or a fixed text. */
type PatternPart = "0" | "#" | { readonly text: string };

/** Numbers of the formats that every workbook has. */
const builtIn = (id: number): NumberFormat => {
  if (id === 45 || id === 47 || (id >= 18 && id <= 21)) return "time";
  if (id === 46) return "duration";
  if ((id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 50 && id <= 58)) return "date";
  return formatOf({ 2: "0.00", 9: "0%", 10: "0.00%", 12: "# ?/?", 13: "# ??/??" }[id] ?? "General");
};

/** The format of a style: its number, and its code if the workbook declares one. */
export function numberFormat(id: number, code: string | undefined): NumberFormat {
  return code === undefined ? builtIn(id) : formatOf(code);
}

function formatOf(code: string): NumberFormat {
  const [first = ""] = code.split(";");
  const fixed = /^0(?:\.(0{1,15}))?(%?)$/.exec(first);
  if (fixed !== null && fixed[0] !== "0") return { decimals: (fixed[1] ?? "").length, isPercent: fixed[2] === "%" };
  const [, below] = /^#?\?{1,3}\/(\?{1,3}|[1-9]\d{0,2})$/.exec(first.replaceAll(" ", "")) ?? [];
  if (below !== undefined) return { denominator: Number(below.replaceAll("?", "9")) };
  // Colours, conditions and quoted text do not count.
  const plain = code.replaceAll(/\[[^[\]]*\]|"[^"]*"|\\./g, "").replaceAll(/general|e[+-]|am\/pm|a\/p/gi, "");
  if (/\[(?:h+|m+|s+)\]/i.test(code)) return "duration";
  if (/[yd]/i.test(plain)) return "date";
  if (/[hs]/i.test(plain)) return "time";
  return /m/i.test(plain) ? "date" : pattern(code);
}

/** ISO 8601 of a time in ms since 1970, without the time of midnight; undefined for a time that no date has. */
export function isoText(time: number): string | undefined {
  if (!(Math.abs(time) <= 8.64e15)) return undefined;
  return new Date(time).toISOString().replace(/T00:00:00\.000Z$/, "");
}

/**
 * A stored number as its cell shows it. Where the format would round, the number is not rounded; dates, times of day
 * and durations are written as ISO 8601 does.
 */
export function shownNumber(stored: string, format: NumberFormat, is1904: boolean): string {
  // A spreadsheet program keeps 15 digits. A whole number with more is an id that another program wrote.
  if (format === undefined && /^-?\d{16,}$/.test(stored)) return stored;
  const exact = Number.parseFloat(stored);
  const number = Number(exact.toPrecision(15));
  if (format === undefined || !Number.isFinite(number)) return String(number);
  if (typeof format === "string") {
    if (format === "duration" || (format === "time" && number >= 0 && number < 1)) return clock(exact);
    const days = is1904 ? exact + 1462 : exact;
    return isoText(Math.round((days - 25_569) * 86_400_000)) ?? String(number);
  }
  if ("decimals" in format) return decimals(number, format);
  if ("denominator" in format) return fraction(number, format.denominator) ?? String(number);
  return byPattern(format, number) ?? String(number);
}

/** Days as hours, minutes and seconds: 1.5 is 36:00:00. */
function clock(days: number): string {
  const ms = Math.round(Math.abs(days) * 86_400_000);
  const two = (part: number): string => String(Math.floor(part)).padStart(2, "0");
  const rest = ms % 1000 === 0 ? "" : `.${String(ms % 1000).padStart(3, "0")}`;
  return `${days < 0 ? "-" : ""}${two(ms / 3_600_000)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}${rest}`;
}

/** A number with its decimals, and more if it has more. */
function decimals(number: number, { decimals, isPercent }: { decimals: number; isPercent: boolean }): string {
  const shown = isPercent ? Number((100 * number).toPrecision(15)) : number;
  const fixed = shown.toFixed(decimals);
  return `${Number(fixed) === shown ? fixed : shown}${isPercent ? "%" : ""}`;
}

/** A number as a whole and a fraction, such as 1/2 or 2 1/4; undefined if no denominator up to a limit gives it. */
function fraction(number: number, most: number): string | undefined {
  const size = Math.abs(number);
  for (let below = 1; below <= most; below++) {
    const above = Math.round(size * below);
    if (Math.abs(above / below - size) > 1e-12 * Math.max(1, size)) continue;
    const [whole, rest] = [Math.floor(above / below), above % below];
    const parts = [...(whole > 0 || rest === 0 ? [whole] : []), ...(rest > 0 ? [`${rest}/${below}`] : [])];
    return `${number < 0 ? "-" : ""}${parts.join(" ")}`;
  }
  return undefined;
}

/**
 * Digits and fixed text; undefined if the code rounds, scales or groups, because a shown number then lacks information.
 */
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

/**
 * A whole number as a pattern shows it: 7 by "0000" is 0007. Digits fill it from the right; the first place takes the
 * rest.
 */
function byPattern(parts: readonly PatternPart[], number: number): string | undefined {
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
