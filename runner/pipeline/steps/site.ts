export type * from "../../plugins/site.ts";
