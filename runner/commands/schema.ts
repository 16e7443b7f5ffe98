import { readFileSync } from "node:fs";
import { join } from "node:path";
import { schemaJson } from "../config/json-schema.ts";
import { exit } from "../util/context.ts";
import { UserError } from "../util/user-error.ts";
import { defineCommand, flag } from "./command.ts";

export const command = defineCommand({
  arguments: {},
  options: { check: flag("Compare with the committed schema; exit with 3 if it differs.") },
  async run({ check }, context) {
    const text = schemaJson();
    if (!check) {
      context.out(text);
      return exit.done;
    }
    const path = join(context.packageRoot, "runner", "schemas", "experiment.schema.json");
    if (readFileSync(path, "utf8") === text) return exit.done;
    throw new UserError("schema-outdated", `${path} is out of date`, {
      help: "write it again: npx exp schema > runner/schemas/experiment.schema.json",
      status: "refused",
    });
  },
});
