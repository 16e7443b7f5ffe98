import { describe, expect, it } from "vitest";
import type { Device } from "./device.ts";
import { capabilityMatrix, unsupportedReason } from "./matrix.ts";
import { backends } from "./registry.ts";

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
    const [built] = backends;
    if (built === undefined) throw new Error("no backend is registered");
    const methods = { lora: { cpu: [], cuda: ["bf16"] }, dora: { cpu: ["fp32"], cuda: [] } } as const;
    backends.register({ ...built, name: "one-device", capabilities: { ...built.capabilities, instead: {}, methods } });
    const help = (method: "lora" | "dora", device: Device) =>
      unsupportedReason({ backend: "one-device", method, precision: "auto" }, [device])?.help;
    expect(help("lora", "cpu")).toContain("a machine with a GPU");
    expect(help("dora", "cuda")).toContain("resources.gpus: 0");
  });
});
