import { UserError } from "../../util/user-error.ts";
import { brokenWorkbook, workbookLimits, workbookTooLarge } from "./limits.ts";
import { isoText, type NumberFormat, shownNumber } from "./number-format.ts";
import type { XmlHandler } from "./xml.ts";

/** Greatest numbers of rows and columns of a sheet, from the format. */
const [maxRow, maxColumn] = [1_048_576, 16_384];

/** What the cells of a sheet refer to. */
export type CellContext = {
  readonly sharedStrings: readonly string[];
  /** By index of a cell's style: how its number is shown. */
  readonly formats: readonly NumberFormat[];
  /** Whether days are counted from 1904. */
  readonly is1904: boolean;
};

/** A row with at least one value: its number in the sheet, from 1, and its cells. Cells may be missing. */
export type SheetRow = { readonly number: number; readonly cells: string[] };

type Range = { readonly top: number; readonly left: number; readonly bottom: number; readonly right: number };

/** Collects the rows of a sheet while it is parsed. Throws UserError. */
export class SheetReader implements XmlHandler {
  readonly rows: SheetRow[] = [];
  readonly #context: CellContext;
  readonly #merges: Range[] = [];
  /** By column: 1 if a cell of it has a value. */
  readonly #filled = new Uint8Array(maxColumn);
  #left = { cells: workbookLimits.cells, characters: workbookLimits.characters, merged: workbookLimits.merged };
  #number = 0;
  #cells: string[] = [];
  #isFilled = false;
  #column = -1;
  #type = "n";
  #style = 0;
  #value = "";
  #isFormula = false;
  #isCaptured = false;
  /** Depth of phonetic text, which is no part of a value. */
  #phonetic = 0;

  constructor(context: CellContext) {
    this.#context = context;
  }

  /** The columns with a value, from 0, ascending. */
  filled(): readonly number[] {
    return [...this.#filled.keys()].filter((column) => this.#filled[column] === 1);
  }

  open(name: string, attributes: Readonly<Record<string, string>>): void {
    switch (name) {
      case "row":
        this.#openRow(attributes.r);
        break;
      case "c":
        this.#column = attributes.r === undefined ? this.#column + 1 : columnOf(attributes.r);
        if (!(this.#column < maxColumn)) throw brokenWorkbook();
        this.#type = attributes.t ?? "n";
        this.#style = Number(attributes.s ?? 0);
        this.#value = "";
        this.#isFormula = false;
        break;
      case "f":
        this.#isFormula = true;
        break;
      case "v":
      case "t":
        this.#isCaptured = this.#phonetic === 0;
        break;
      case "rPh":
        this.#phonetic++;
        break;
      case "mergeCell":
        this.#addMerge(attributes.ref ?? "");
        break;
    }
  }

  text(text: string): void {
    if (this.#isCaptured) this.#value += text;
  }

  close(name: string): void {
    if (name === "v" || name === "t") this.#isCaptured = false;
    else if (name === "rPh") this.#phonetic--;
    else if (name === "c") this.#closeCell();
    else if (name === "row" && this.#isFilled) this.rows.push({ number: this.#number, cells: this.#cells });
    else if (name === "worksheet") this.#fillMerged();
  }

  #openRow(number: string | undefined): void {
    const next = number === undefined ? this.#number + 1 : Number(number);
    if (!(Number.isInteger(next) && next > this.#number && next <= maxRow)) throw brokenWorkbook();
    this.#number = next;
    this.#cells = [];
    this.#isFilled = false;
    this.#column = -1;
  }

  #closeCell(): void {
    // A formula whose result is an empty text has the type of a text.
    if (this.#isFormula && this.#value === "" && this.#type !== "str")
      throw formulaWithoutValue(`${columnName(this.#column)}${this.#number}`);
    const text = cellText(this.#type, this.#value, this.#style, this.#context);
    if (text === "") return;
    this.#left.characters -= text.length;
    if (--this.#left.cells < 0) throw workbookTooLarge(`more than ${workbookLimits.cells} cells`);
    if (this.#left.characters < 0) throw workbookTooLarge(`more than ${workbookLimits.characters} characters`);
    this.#cells[this.#column] = text;
    if (text.trim() === "") return;
    this.#isFilled = true;
    this.#filled[this.#column] = 1;
  }

  #addMerge(ref: string): void {
    const [from = "", to = from] = ref.split(":");
    const range = { top: rowOf(from), left: columnOf(from), bottom: rowOf(to), right: columnOf(to) };
    if (!(range.bottom >= range.top && range.right >= range.left)) throw brokenWorkbook();
    this.#left.merged -= (range.bottom - range.top + 1) * (range.right - range.left + 1);
    if (this.#left.merged < 0) throw workbookTooLarge(`more than ${workbookLimits.merged} merged cells`);
    this.#merges.push(range);
  }

  /** A merged cell shows the value of the first cell of its range. */
  #fillMerged(): void {
    if (this.#merges.length === 0) return;
    const byNumber = new Map(this.rows.map(({ number, cells }) => [number, cells]));
    for (const { top, left, bottom, right } of this.#merges) {
      const value = byNumber.get(top)?.[left];
      if (value === undefined) continue;
      if (value.trim() !== "") this.#filled.fill(1, left, right + 1);
      for (let row = top; row <= bottom; row++) {
        const cells = byNumber.get(row);
        if (cells === undefined) continue;
        this.#left.characters -= value.length * (right - left + 1);
        if (this.#left.characters < 0) throw workbookTooLarge(`more than ${workbookLimits.characters} characters`);
        for (let column = left; column <= right; column++) cells[column] = value;
      }
    }
  }
}

function formulaWithoutValue(cell: string): UserError {
  return new UserError("formula-without-value", `cell ${cell} has a formula without a stored value`, {
    help: "open the workbook in a spreadsheet program and save it, or replace the formula by its value",
  });
}

/** What a person sees in a cell; a formula's stored result, a date in ISO 8601. */
function cellText(type: string, value: string, style: number, context: CellContext): string {
  switch (type) {
    case "s":
      return value === "" ? "" : (context.sharedStrings[Number(value)] ?? "");
    case "b":
      return value === "1" ? "TRUE" : "FALSE";
    case "str":
    case "inlineStr":
    case "e":
      return unescapeText(value);
    case "d":
      return isoText(Date.parse(/[Zz]$/.test(value) ? value : `${value}Z`)) ?? value;
    default:
      return value === "" ? "" : shownNumber(value, context.formats[style], context.is1904);
  }
}

/** Excel writes a control character as `_x000D_`. */
export function unescapeText(text: string): string {
  if (!text.includes("_x")) return text;
  return text.replace(/_x([0-9A-F]{4})_/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** The column of a reference, from 0: "B7" -> 1. */
function columnOf(ref: string): number {
  let column = 0;
  for (let at = 0; at < ref.length; at++) {
    const digit = ref.charCodeAt(at) - 64;
    if (digit < 1 || digit > 26) break;
    column = column * 26 + digit;
    if (column > maxColumn) throw brokenWorkbook();
  }
  if (column === 0) throw brokenWorkbook();
  return column - 1;
}

/** The name of a column, counted from 0: 27 -> "AB". */
function columnName(column: number): string {
  const letter = String.fromCharCode(65 + (column % 26));
  return column < 26 ? letter : columnName(Math.floor(column / 26) - 1) + letter;
}

function rowOf(ref: string): number {
  const row = Number(/(?<!\d)\d+$/.exec(ref)?.[0]);
  if (!(row >= 1 && row <= maxRow)) throw brokenWorkbook();
  return row;
}
