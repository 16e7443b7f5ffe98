/** Relative links and anchors of every Markdown file in the repository. */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Markdown files that git tracks or would track. Templates hold placeholders and are checked where they are filled in. */
const pages = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.md"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter(
    (page) => page !== "" && existsSync(join(root, page)) && !/^runner\/templates\/|\/__snapshots__\//.test(page),
  );

/** A page without the blocks and spans of code, which may hold brackets of their own. */
const prose = (text: string) => text.replace(/^(```+).*?^\1/gms, "").replace(/`[^`\n]*`/g, "");

/** The anchors that GitHub makes of a page's headings. */
function anchors(text: string): ReadonlySet<string> {
  const headings = text.replace(/^(```+).*?^\1/gms, "").matchAll(/^#+ +(.*)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading
        .toLowerCase()
        .replace(/[^\p{L}\p{N}_\- ]/gu, "")
        .replaceAll(" ", "-"),
    ),
  );
}

/** Links to files of this repository: the page, the target and the anchor. */
function relativeLinks(page: string): { target: string; anchor: string | undefined }[] {
  const text = prose(readFileSync(join(root, page), "utf8"));
  const targets = [...text.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g), ...text.matchAll(/^\[[^\]]+\]: +(\S+)$/gm)];
  return targets.flatMap(([, link = ""]) => {
    if (/^[a-z][a-z0-9+.-]*:/i.test(link)) return [];
    const [path = "", anchor] = link.split("#");
    return [{ target: path === "" ? page : join(dirname(page), decodeURIComponent(path)), anchor }];
  });
}

it("every relative link leads to a file inside the repository, and every anchor to a heading", () => {
  const links = pages.flatMap((page) => relativeLinks(page).map((link) => ({ page, ...link })));
  expect(links.length).toBeGreaterThan(10);
  const broken = links.filter(({ target, anchor }) => {
    const path = join(root, target);
    if (relative(root, path).startsWith("..") || !existsSync(path)) return true;
    return anchor !== undefined && !anchors(readFileSync(path, "utf8")).has(anchor);
  });
  expect(broken).toEqual([]);
});

it("the table of contents names every page under docs/", () => {
  const named = relativeLinks("docs/README.md").map(({ target }) => target);
  const written = pages.filter((page) => page.startsWith("docs/") && page !== "docs/README.md");
  expect(written.filter((page) => !named.includes(page))).toEqual([]);
});

it("every file and folder that ARCHITECTURE.md names exists", () => {
  const text = readFileSync(join(root, "runner/ARCHITECTURE.md"), "utf8").replace(/^(```+).*?^\1/gms, "");
  const spans = [...text.matchAll(/`([^`\n]+)`/g)].map(([, span]) => span as string);
  const named = spans.filter(
    (span) => /^[\w./-]+(\/|\.(ts|mjs|py|md))$/.test(span) && span.includes("/") && !span.startsWith("artifacts/"),
  );
  expect(named.length).toBeGreaterThan(40);
  const places = ["runner", "runner/reporting", "runner/publishing", "runner/store", "."];
  expect(named.filter((span) => !places.some((place) => existsSync(join(root, place, span))))).toEqual([]);
});

it("the folder table of ARCHITECTURE.md has the layers of .dependency-cruiser.mjs, the highest first", async () => {
  const { default: config } = (await import(new URL("../../.dependency-cruiser.mjs", import.meta.url).href)) as {
    default: { forbidden: readonly { name: string }[] };
  };
  const layers = config.forbidden.flatMap(({ name }) => /^layer-(.*)$/.exec(name)?.[1] ?? []);
  const text = readFileSync(join(root, "runner/ARCHITECTURE.md"), "utf8");
  const rows =
    text
      .split("| folder | content |")[1]
      ?.split("\n\n")[0]
      ?.matchAll(/^\| (.*?) \|/gm) ?? [];
  const folders = [...rows].flatMap(([, cell = ""]) => [...cell.matchAll(/`([\w/]+)\/`/g)].map(([, folder]) => folder));
  // The highest layer has no rule, because it may import everything; tests are in no layer.
  expect(folders.filter((folder) => folder !== "testing").slice(1)).toEqual(layers.toReversed());
});
