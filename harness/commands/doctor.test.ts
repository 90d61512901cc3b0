import { expect, test } from "vitest";
import type { Finding } from "../model/capabilities.ts";
import { doctorTable } from "./doctor.ts";

const engine: Finding = { what: "docker engine", can: "yes", detail: "20.10.24, API 1.41", needed: true };
const selinux: Finding = {
  what: "SELinux",
  can: "no",
  detail: "without",
  cause: "not built in",
  remedy: "another host",
  needed: false,
};
const tool: Finding = {
  what: "ps",
  can: "no",
  detail: "not there",
  cause: "not installed",
  remedy: "install it",
  needed: true,
};

test("a table with cause and remedy below each no, and the verdict last", () => {
  expect(doctorTable([engine, selinux], undefined, false)).toEqual([
    "docker engine  yes      20.10.24, API 1.41",
    "SELinux        no       without",
    "                        why: not built in",
    "                        do:  another host",
    "",
    "Containers can be run here.",
    "Virtual machines can be run here.",
  ]);
});

test("what is needed and not there is named in the verdict", () => {
  expect(doctorTable([engine, tool], "no virsh", false).slice(-2)).toEqual([
    "Containers cannot be run here yet: ps.",
    "Virtual machines cannot be run here yet, and specs that need one are skipped: no virsh.",
  ]);
});

test("colours only when asked for, and no alarm for what is not needed", () => {
  const escapes = /\[\d+m/;
  expect(doctorTable([engine, selinux, tool], "no virsh", false).join("\n")).not.toMatch(escapes);
  const lines = doctorTable([engine, selinux, tool], undefined, true).filter((line) => /yes|no /.test(line));
  expect(lines.map((line) => /\[(\d+)m/.exec(line)?.[1])).toEqual(["32", "33", "31"]);
});
