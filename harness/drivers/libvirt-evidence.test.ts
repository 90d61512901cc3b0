// Decides when the kernel's log need not be asked for, as the journal has it.
import { expect, test } from "vitest";
import { kernelsOwn } from "./libvirt-evidence.ts";

const at = "2026-11-22T23:57:55.123456+0000 soe";
const first = `${at} kernel: Linux version 6.1.0-50-amd64\n`;

test("the kernel's lines are taken out of a journal that begins with its first words", () => {
  const oops = `${at} kernel: BUG: kernel NULL pointer dereference\n                             Call Trace:\n`;
  const others = `${at} systemd[1]: Started kernel: no\n                      what it goes on to say\n`;
  expect(kernelsOwn(`${first}${others}${oops}${others}`)).toBe(`${first}${oops}`);
});

test.each([
  ["nothing", ""],
  ["what could not be had", "could not be had: the guest never answered\n"],
  ["a journal that lost its beginning", `${at} kernel: eth0: link up\n${first}`],
  ["a journal without the kernel", `${at} systemd[1]: kernel: Linux version 6.1.0\n`],
])("%s does not have it", (_, journal) => {
  expect(kernelsOwn(journal)).toBeUndefined();
});
