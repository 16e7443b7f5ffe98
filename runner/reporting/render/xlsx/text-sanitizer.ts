/** Characters that a cell of an .xlsx file can hold, in UTF-16 units. */
const cellLimit = 32_767;

/** Makes texts fit for cells of an .xlsx file, and counts what had to be changed. */
export class CellText {
  /** Texts that were cut at the limit. */
  cut = 0;
  /** Texts in which characters that XML cannot hold became U+FFFD. */
  replaced = 0;

  /** The text as a cell can hold it; a cut one says how much is missing. undefined for an empty one. */
  of(text: string): string | undefined {
    if (text === "") return undefined;
    // Nearly every text is fit as it is: one look instead of four.
    if (text.length <= cellLimit && !suspect.test(text)) return text;
    const sound = text.replace(illegal, "\ufffd");
    if (sound !== text) this.replaced++;
    // Excel reads _x0041_ as an escaped "A", so that a text which looks like that has its underscore escaped.
    const written = sound.replace(/\r\n?/g, "\n").replace(/_(?=x[0-9A-Fa-f]{4}_)/g, "_x005F_");
    if (written.length <= cellLimit) return written;
    this.cut++;
    const room = cellLimit - 60;
    const end = /[\ud800-\udbff]/.test(written[room - 1] as string) ? room - 1 : room;
    return `${written.slice(0, end)} … [cut: ${written.length - end} more characters]`;
  }
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: what `of` might have to change, letters in two parts included
const suspect = /[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\ufffe\uffff]|_x/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that XML 1.0 forbids
const illegal = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]|\p{Surrogate}/gu;
