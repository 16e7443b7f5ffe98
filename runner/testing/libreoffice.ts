import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";

/** Whether LibreOffice is on this machine; said once where it is not. */
export const hasLibreOffice = ((): boolean => {
  try {
    execFileSync("soffice", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("workbooks are not opened in LibreOffice: soffice is not there (apt-get install libreoffice-calc)");
    return false;
  }
})();

/** A workbook's sheets as LibreOffice reads them, each as CSV; works in a folder of its own. */
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
