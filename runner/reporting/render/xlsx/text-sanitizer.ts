import { validText } from "../../../util/valid-text.ts";

/** The maximum length of a cell text in an .xlsx file, in UTF-16 units. */
const cellLimit = 32_767;

/** Changes texts that an .xlsx cell cannot contain, and counts the changes. */
export class TextSanitizer {
  /** Texts truncated at the limit. */
  truncated = 0;
  /** Texts with characters that XML does not allow, which became U+FFFD. */
  replaced = 0;

  /** The cell text; undefined if it is empty. A truncated text ends with the number of missing characters. */
  sanitize(text: string): string | undefined {
    if (text === "") return undefined;
    // Most texts need no change, so one test replaces three passes.
    if (text.length <= cellLimit && !needsChange.test(text)) return text;
    const valid = validText(text);
    if (valid !== text) this.replaced++;
    // Excel decodes _x0041_ as "A", so the underscore of such a sequence is escaped.
    const escaped = valid.replace(/\r\n?/g, "\n").replace(/_(?=x[0-9A-Fa-f]{4}_)/g, "_x005F_");
    if (escaped.length <= cellLimit) return escaped;
    this.truncated++;
    const limit = cellLimit - 60;
    const end = /[\ud800-\udbff]/.test(escaped[limit - 1] as string) ? limit - 1 : limit;
    return `${escaped.slice(0, end)} … [truncated: ${escaped.length - end} more characters]`;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: a superset of the texts that `sanitize` changes, with all surrogates
const needsChange = /[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]|_x/;
