export type * from "../../plugins/step.ts";
