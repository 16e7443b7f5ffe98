import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** Whether LibreOffice is installed; if not, a warning is printed. */
export const hasLibreOffice = ((): boolean => {
  try {
    execFileSync("soffice", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("LibreOffice tests are skipped: no soffice (apt-get install libreoffice-calc)");
    return false;
  }
})();

/** Converts a workbook with LibreOffice: sheet -> CSV. `folder` is a temporary folder. */
export function sheetsAsCsv(workbook: string, folder: string): Readonly<Record<string, string>> {
  mkdirSync(folder, { recursive: true });
  const filter = "csv:Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false,false,false,-1";
  const profile = `-env:UserInstallation=file://${folder}/profile`;
  execFileSync("soffice", [profile, "--headless", "--convert-to", filter, "--outdir", folder, workbook], {
    stdio: "ignore",
  });
  const start = `${basename(workbook, ".xlsx")}-`;
  const files = readdirSync(folder).filter((name) => name.startsWith(start) && name.endsWith(".csv"));
  return Object.fromEntries(
    files.map((name) => [name.slice(start.length, -".csv".length), readFileSync(join(folder, name), "utf8")]),
  );
}
