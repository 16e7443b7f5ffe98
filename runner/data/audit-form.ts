import {
  both,
  fields,
  isAmount,
  isCount,
  isFlag,
  isShare,
  isText,
  listOf,
  mapOf,
  optional,
  shape,
} from "../util/shape.ts";

const isSplit = both(
  fields(["rows", "labels_basic"], isCount),
  shape({
    groups: optional(isCount),
    epoch_rows: optional(isCount),
    labels_per_row: isAmount,
    seen_in_training: isShare,
    ceiling: shape({ micro_f1: isShare, exact_match: isShare }),
    words: fields(["median", "max"], isAmount),
  }),
);

/** Whether a value has the form of audit.json. */
export const isAudit = shape({
  splits: mapOf(isSplit),
  findings: listOf(shape({ severity: isText, code: isText, message: isText, count: isCount, accepted: isFlag })),
});
