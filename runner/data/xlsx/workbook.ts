import { UserError } from "../../util/user-error.ts";
import { brokenWorkbook, workbookLimits, workbookTooLarge } from "./limits.ts";
import { type NumberFormat, numberFormat } from "./number-format.ts";
import { SheetReader, type SheetRow, unescapeText } from "./sheet.ts";
import { parseXml } from "./xml.ts";
import { Zip } from "./zip.ts";

/** A sheet: its name, its rows with a value in the order of the sheet, and the numbers of its columns with a value. */
export type Sheet = {
  readonly name: string;
  readonly rows: readonly SheetRow[];
  readonly filled: readonly number[];
  /** Names of the other sheets of the workbook. */
  readonly others: readonly string[];
};

/** Names of the sheets of a workbook, in their order. Throws UserError. */
export async function sheetNames(bytes: Buffer): Promise<readonly string[]> {
  return (await sheetsOf(new Zip(bytes))).sheets.map(({ name }) => name);
}

/** Reads one sheet of a workbook while it is unpacked; the first sheet without a name. Throws UserError. */
export async function readWorkbook(bytes: Buffer, wanted: string | undefined): Promise<Sheet> {
  const zip = new Zip(bytes);
  const { sheets, is1904 } = await sheetsOf(zip);
  const sheet = wanted === undefined ? sheets[0] : sheets.find(({ name }) => name === wanted);
  if (sheet === undefined) {
    const names = sheets.map(({ name }) => name).join(", ");
    throw new UserError("sheet", `the workbook has no sheet "${wanted}"`, { help: `its sheets: ${names}` });
  }
  const context = { sharedStrings: await sharedStringsOf(zip), formats: await numberFormatsOf(zip), is1904 };
  const reader = new SheetReader(context);
  await parseXml(zip.text(sheet.path), reader);
  const others = sheets.filter((one) => one !== sheet).map(({ name }) => name);
  return { name: sheet.name, rows: reader.rows, filled: reader.filled(), others };
}

async function sheetsOf(zip: Zip) {
  const targets = new Map<string, string>();
  if (!zip.has("xl/workbook.xml")) throw brokenWorkbook();
  if (zip.has("xl/_rels/workbook.xml.rels")) {
    await parseXml(zip.text("xl/_rels/workbook.xml.rels"), {
      open(name, { Id: id = "", Target: target = "", Type: type = "" }) {
        if (name !== "Relationship" || !type.endsWith("/worksheet")) return;
        targets.set(id, target.startsWith("/") ? target.slice(1) : `xl/${target.replace(/^\.\//, "")}`);
      },
    });
  }
  const sheets: { readonly name: string; readonly path: string }[] = [];
  let is1904 = false;
  await parseXml(zip.text("xl/workbook.xml"), {
    open(name, attributes) {
      if (name === "workbookPr") is1904 = ["1", "true"].includes(attributes.date1904 ?? "");
      if (name !== "sheet") return;
      const id = Object.entries(attributes).find(([key]) => key.endsWith(":id"))?.[1] ?? "";
      const path = targets.get(id);
      if (path !== undefined && zip.has(path)) sheets.push({ name: attributes.name ?? "", path });
    },
  });
  if (sheets.length === 0) throw brokenWorkbook();
  return { sheets, is1904 };
}

async function sharedStringsOf(zip: Zip): Promise<readonly string[]> {
  const strings: string[] = [];
  if (!zip.has("xl/sharedStrings.xml")) return strings;
  let current = "";
  let isCaptured = false;
  let phonetic = 0;
  await parseXml(zip.text("xl/sharedStrings.xml"), {
    open(name) {
      if (name === "si") current = "";
      else if (name === "rPh") phonetic++;
      else if (name === "t") isCaptured = phonetic === 0;
    },
    text(text) {
      if (isCaptured) current += text;
    },
    close(name) {
      if (name === "t") isCaptured = false;
      else if (name === "rPh") phonetic--;
      else if (name === "si" && strings.push(unescapeText(current)) > workbookLimits.cells)
        throw workbookTooLarge(`more than ${workbookLimits.cells} texts`);
    },
  });
  return strings;
}

/** By index of a cell's style: how its numbers are shown. */
async function numberFormatsOf(zip: Zip): Promise<readonly NumberFormat[]> {
  const formats = new Map<number, string>();
  const styles: NumberFormat[] = [];
  if (!zip.has("xl/styles.xml")) return styles;
  let isInCellFormats = false;
  await parseXml(zip.text("xl/styles.xml"), {
    open(name, { numFmtId = "0", formatCode = "" }) {
      if (name === "numFmt") formats.set(Number(numFmtId), formatCode);
      else if (name === "cellXfs") isInCellFormats = true;
      else if (name === "xf" && isInCellFormats) {
        styles.push(numberFormat(Number(numFmtId), formats.get(Number(numFmtId))));
      }
    },
    close(name) {
      if (name === "cellXfs") isInCellFormats = false;
    },
  });
  return styles;
}
