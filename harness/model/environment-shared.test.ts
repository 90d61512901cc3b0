// Decides that what containers share with each other, a network, an address, a directory, is there and is the same for all.
import { describe, expect, test } from "vitest";
import { addressOf } from "./address-text.ts";
import { container, scratch } from "./container.ts";
import { defineEnvironment, startOrder } from "./environment.ts";
import { refusal } from "./testing/refusal.ts";
import { fromQcow2, vm } from "./vm.ts";

const node = (options: Partial<Parameters<typeof container>[0]> = {}) => container({ image: "soe", ...options });
const machine = (networks: string[]) =>
  vm({ image: fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) }), networks });

describe("whose network, whose address, whose directory", () => {
  const box = node();
  const define = (nodes: Record<string, ReturnType<typeof node>>) => () => defineEnvironment("env", { nodes });

  test("who has another's network or address comes after it", () => {
    const { nodes } = defineEnvironment("env", {
      nodes: { a: node({ env: { B: addressOf("b") } }), b: node({ networkFrom: "c" }), c: box },
    });
    expect(startOrder("env", nodes)).toEqual(["c", "b", "a"]);
  });

  test("it is there, a container, and of the same engine", () => {
    expect(refusal(define({ a: node({ networkFrom: "bb" }), b: box })).message).toContain(
      'there is no node "bb"; did you mean "b"?',
    );
    expect(refusal(define({ a: node({ env: { X: addressOf("z") } }) })).message).toContain('there is no node "z"');
    const vmBeside = () =>
      defineEnvironment("env", {
        networks: { lan: {} },
        nodes: { a: node({ networkFrom: "m" }), m: machine(["lan"]) },
      });
    expect(refusal(vmBeside).message).toContain("is no container of the same engine");
    expect(refusal(define({ a: node({ networkFrom: "b" }), b: node({ networkFrom: "a" }) })).message).toContain(
      "a → b → a",
    );
  });

  test("a shared directory is declared the same by all; who reads it alone may say so", () => {
    const spool = (options: Parameters<typeof scratch>[0]) =>
      node({ mounts: { "/spool": scratch({ shared: "spool", ...options }) } });
    expect(define({ a: spool({ mode: 0o777 }), b: spool({ mode: 0o777, readOnly: true }) })).not.toThrow();
    expect(refusal(define({ a: spool({ mode: 0o777 }), b: spool({}) })).message).toContain(
      'env/b: the shared directory "spool" is declared otherwise than a has it',
    );
  });
});
