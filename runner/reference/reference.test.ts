/** The generated pages of docs/reference/. `npm run docs` writes them. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { commands } from "../commands/index.ts";
import { fileSchema } from "../config/json-schema.ts";
import { commandsPage } from "./commands-page.ts";
import { configurationPage } from "./configuration-page.ts";
import { modelsPage } from "./models-page.ts";

const page = (name: string): string => fileURLToPath(new URL(`../../docs/reference/${name}`, import.meta.url));

test("docs/reference/commands.md is up to date", async () => {
  await expect(await commandsPage(commands)).toMatchFileSnapshot(page("commands.md"));
});

test("docs/reference/configuration.md is up to date", async () => {
  await expect(configurationPage(fileSchema())).toMatchFileSnapshot(page("configuration.md"));
});

test("the table of families in docs/reference/models.md is up to date", async () => {
  await expect(modelsPage(readFileSync(page("models.md"), "utf8"))).toMatchFileSnapshot(page("models.md"));
});
