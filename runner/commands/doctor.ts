import { doctor } from "../setup/doctor.ts";
import { doctorText } from "../terminal/doctor.ts";
import { exit } from "../util/context.ts";
import { defineCommand } from "./command.ts";
import { json } from "./common-options.ts";

export const command = defineCommand({
  arguments: {},
  options: { json },
  async run({ json }, context) {
    const report = await doctor(context);
    context.out(json ? `${JSON.stringify(report, null, 1)}\n` : doctorText(report, context));
    return exit.done;
  },
});
