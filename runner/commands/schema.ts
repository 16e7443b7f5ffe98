import { readFileSync } from "node:fs";
import { join } from "node:path";
import { schemaJson } from "../config/json-schema.ts";
import { type Act, exit } from "../util/context.ts";

/** `exp schema`: the JSON Schema of experiment files, generated from what validates them. */
export const command: Act = async (_args, { check }, context) => {
  const text = schemaJson();
  if (check !== true) {
    context.out(text);
    return exit.done;
  }
  const path = join(context.packageRoot, "runner", "schemas", "experiment.schema.json");
  if (readFileSync(path, "utf8") === text) return exit.done;
  context.err(
    `exp schema: ${path} is out of date; write it again: npx exp schema > runner/schemas/experiment.schema.json\n`,
  );
  return exit.refused;
};
