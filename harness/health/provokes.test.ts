// Decides that a test can only say of its own nodes what it breaks, by names that there are; and that a declaration has to say why.
import { describe, expect, test } from "vitest";
import { container } from "../model/container.ts";
import { DeclarationError } from "../model/errors.ts";
import { findingKinds } from "../model/health.ts";
import type { ContainerNode } from "../model/node.ts";
import { vm } from "../model/vm.ts";
import { provokes } from "./provokes.ts";

const stranger = { id: "nobody's", name: "soe", title: "x/soe" } as ContainerNode;

describe("provokes", () => {
  test.each([
    ["exited", "no-stand"],
    ["exit" as "exited", "bad-option"],
  ] as const)("%s of a node that no test has: %s", (kind, code) => {
    let error: unknown;
    try {
      provokes(stranger, kind);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(DeclarationError);
    expect(error).toMatchObject({ code, at: expect.stringContaining("provokes.test.ts") });
  });
});

describe("tolerates", () => {
  const image = "soe:1";
  test.each(findingKinds)("%s, with a reason", (kind) => {
    expect(container({ image, tolerates: { [kind]: "known, and mended next week" } }).tolerates).toEqual({
      [kind]: "known, and mended next week",
    });
  });

  test.each([
    ["a kind that there is not", { exit: "it ends" }],
    ["no reason", { exited: "" }],
    ["blanks for a reason", { exited: "   " }],
    ["a list without reasons", ["exited"]],
  ])("%s is refused", (_, tolerates) => {
    expect(() => container({ image, tolerates: tolerates as object })).toThrow(DeclarationError);
    const disk = { disk: "qcow2", path: "/x", sha256: "0".repeat(64), at: undefined } as const;
    expect(() => vm({ image: disk, tolerates: tolerates as object })).toThrow(DeclarationError);
  });
});
