import { describe, expect, it } from "vitest";
import { capabilityMatrix, unsupportedReason } from "./matrix.ts";

const precisions = ["bf16", "fp16", "fp32"] as const;
const cells = capabilityMatrix();

describe("an unsupported training", () => {
  it("is one without a cell in the matrix for its devices", () => {
    for (const cell of cells) {
      for (const precision of precisions) {
        const unsupported = unsupportedReason({ ...cell, precision }, [cell.device]);
        expect(unsupported === undefined).toBe(cell.precisions.includes(precision));
        if (unsupported !== undefined) expect(unsupported.message).toContain(`${cell.backend} cannot train `);
        if (unsupported?.key === "precision") expect(unsupported.help).toContain(cell.precisions[0]);
      }
      const unsupported = unsupportedReason({ ...cell, precision: "auto" }, [cell.device]);
      expect(unsupported === undefined).toBe(cell.precisions.length > 0);
    }
  });

  it("is supported if one of two devices supports it", () => {
    for (const { backend, method } of cells) {
      const can = cells.some((cell) => cell.backend === backend && cell.method === method && cell.precisions[0]);
      expect(unsupportedReason({ backend, method, precision: "auto" }, ["cpu", "cuda"]) === undefined).toBe(
        Boolean(can),
      );
    }
  });

  it("has a help that names the device it needs", () => {
    for (const cell of cells) {
      const other = cells.find((one) => one.backend === cell.backend && one.method === cell.method && one !== cell);
      if (cell.precisions.length > 0 || !other?.precisions.length) continue;
      const unsupported = unsupportedReason({ ...cell, precision: "auto" }, [cell.device]);
      expect(unsupported?.help).toContain(cell.device === "cpu" ? "a machine with a GPU" : "resources.gpus: 0");
    }
  });
});
