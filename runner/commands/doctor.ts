import { doctor, formatDoctor } from "../setup/doctor.ts";
import { type Act, exit } from "../util/context.ts";

/** `exp doctor`: what this machine has, and what it can and cannot run. */
export const command: Act = async (_args, { json }, context) => {
  const report = await doctor(context);
  context.out(json === true ? `${JSON.stringify(report, null, 1)}\n` : formatDoctor(report));
  return exit.done;
};
