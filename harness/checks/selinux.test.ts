// Decides that a machine's SELinux is read as its kernel and its policy tell it, and that what cannot be seen is no answer.
import { describe, expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { selinux, selinuxBoolean } from "./selinux.ts";
import { accessDecision, contextOf, selinuxBooleanValue, selinuxModule } from "./selinux-policy.ts";
import { processContext } from "./selinux-process.ts";
import { selinuxState } from "./selinux-state.ts";

const said = (stdout: string, status = 0, stderr = "") => ({ stdout: Buffer.from(stdout), status, stderr });
// Recorded on Debian 12, policy default.
const recorded = "kernel=yes\nenforce=1\npolicyvers=33\nmls=1\nSELINUX=enforcing\nSELINUXTYPE=default\n";
const enforcing = {
  mode: "enforcing",
  configured: "enforcing",
  policy: "default",
  version: 33,
  mls: true,
} as const;
const { stdout: none } = said("kernel=no\n");

describe("the state is read", () => {
  test.each([
    ["enforcing", recorded, enforcing],
    ["permissive", recorded.replace("enforce=1", "enforce=0"), { ...enforcing, mode: "permissive" }],
    ["not configured", recorded.replace(/SELINUX.*$/s, ""), { ...enforcing, configured: undefined, policy: undefined }],
    ["no SELinux", "kernel=no\n", { mode: "disabled", why: "the node's kernel has no SELinux" }],
    [
      "no policy",
      "kernel=unloaded\n",
      { mode: "disabled", why: "the node's kernel has SELinux, and no policy is loaded" },
    ],
  ])("%s", (_, stdout, seen) => {
    expect(selinuxState.parse(said(stdout), ["SELinux", "SELinux"])).toEqual([seen, seen]);
  });

  test.each([
    ["a kernel that may not be asked", said("", 77, "/proc/filesystems cannot be read\n"), "probe-failed"],
    [
      "a container, which does not see it",
      said("kernel=yes\n", 78, "x_t runs where selinuxfs is not to be seen\n"),
      "probe-failed",
    ],
    [
      "a configuration that may not be read",
      said("kernel=yes\nenforce=1\n", 1, "/etc/selinux/config: Permission denied\n"),
      "probe-failed",
    ],
    ["an empty enforce", said(recorded.replace("enforce=1", "enforce=")), "probe-unreadable"],
    ["nothing at all", said(""), "probe-unreadable"],
  ])("%s is an error", (_, output, code) => {
    expect(() => selinuxState.parse(output, ["SELinux"])).toThrow(expect.objectContaining({ code }));
  });
});

describe("the kernel's decisions are read", () => {
  const questions = ["write", "write", "fly", "checkpoint_restore"].map((permission) => ({
    source: "container_t",
    target: "container_file_t",
    class: "file",
    permission,
  }));
  const answer =
    "kernel=yes\n3 6147e7f ffffffff 0 ffffffef 1 0\n3 0 ffffffff 0 ffffffef 1 1\nunknown permission\n9 0 ffffffff 0 fffffeff 1 0\n";

  test("allowed, denied in a permissive domain, unknown, denied without a word", () => {
    expect(accessDecision.parse(said(answer), questions)).toEqual([
      { allowed: true, audited: true, permissive: false },
      { allowed: false, audited: true, permissive: true },
      { unknown: "permission" },
      { allowed: false, audited: false, permissive: false },
    ]);
  });

  test("no answer is none", () => {
    const [broken] = accessDecision.parse(said("kernel=yes\nno answer\n"), questions.slice(0, 1));
    expect(broken).toBeInstanceOf(ObservationError);
    expect(() => accessDecision.parse(said("kernel=yes\n"), questions)).toThrow(ObservationError);
    expect(() => accessDecision.parse(said("kernel=yes\n", 76, "may not be asked"), questions)).toThrow(
      /may not be asked/,
    );
    expect(accessDecision.parse(said("kernel=no\n"), questions)[0]).toEqual({
      without: "the node's kernel has no SELinux",
    });
  });

  test("a type stands for a context, a context for itself", () => {
    expect(contextOf("etc_t", "object_r")).toBe("system_u:object_r:etc_t:s0");
    expect(contextOf("a:b:c:s0:c1", "object_r")).toBe("a:b:c:s0:c1");
  });

  const write = questions[0] as (typeof questions)[number];
  test.each([
    ["allows", { allowed: true, audited: true, permissive: false }, true, false],
    ["denies", { allowed: false, audited: true, permissive: false }, false, true],
    ["neither, where the domain is permissive", { allowed: false, audited: true, permissive: true }, false, false],
  ])("%s", (_, decision, allows, denies) => {
    expect(selinux().allows(write).judge(decision)).toMatchObject({ met: allows });
    expect(selinux().denies(write).judge(decision)).toMatchObject({ met: denies });
  });
});

test("booleans: on, off, unknown, unreadable", () => {
  const output = said("kernel=yes\n1 1\n0 1\nabsent\n\n", 0, "sh: cannot open: Permission denied\n");
  const [on, off, absent, unreadable] = selinuxBooleanValue.parse(output, ["a", "b", "c", "d"]);
  expect([on, off, absent]).toEqual([true, false, undefined]);
  expect(unreadable).toMatchObject({ code: "probe-failed", seen: expect.stringContaining("Permission denied") });
  expect(selinuxBoolean("c").isOff().judge(undefined)).toMatchObject({
    met: false,
    seen: expect.stringContaining("no such"),
  });
  expect(selinuxBoolean("c").isOff().judge(false)).toMatchObject({ met: true });
  expect(selinuxBoolean("c").isOn().judge({ without: "why" })).toEqual({ skipped: "why" });
});

test("modules: installed, switched off, missing, a store that may not be seen", () => {
  expect(selinuxModule.parse(said("kernel=yes\ninstalled\ndisabled\nabsent\n"), ["a", "b", "c"])).toEqual([
    "installed",
    "disabled",
    "absent",
  ]);
  expect(() => selinuxModule.parse(said("kernel=yes\n", 76, "Permission denied"), ["a"])).toThrow(/Permission denied/);
  expect(() => selinuxModule.parse(said("kernel=yes\ninstalled\n"), ["a", "b"])).toThrow(ObservationError);
  expect(selinux().hasModule("git").judge("disabled")).toMatchObject({ met: false, seen: "disabled" });
});

test("processes: a context with its end, ended, hidden", () => {
  const [own, ended, hidden, odd] = processContext.parse(said("kernel=yes\nu:r:t:s0\0\nended\ndenied\nkernel\n"), [
    "self",
    2,
    3,
    4,
  ]);
  expect([own, ended]).toEqual(["u:r:t:s0", undefined]);
  expect(hidden).toMatchObject({ code: "probe-failed" });
  expect(odd).toMatchObject({ code: "probe-unreadable" });
});

test("only the mode can be told of a kernel without SELinux", () => {
  const [disabled] = selinuxState.parse({ status: 0, stdout: none, stderr: "" }, ["SELinux"]);
  if (disabled === undefined || disabled instanceof Error) return expect.unreachable();
  expect(selinux().isDisabled().judge(disabled)).toMatchObject({ met: true });
  expect(selinux().isEnforcing().judge(disabled)).toMatchObject({
    met: false,
    seen: "disabled: the node's kernel has no SELinux",
  });
  expect(selinux().hasPolicy("default").judge(disabled)).toEqual({ skipped: "the node's kernel has no SELinux" });
  expect(
    selinux()
      .isConfigured("enforcing")
      .judge({ ...enforcing, configured: "permissive" }),
  ).toMatchObject({ met: false, seen: "permissive" });
});

test("words that no policy has are refused where they are written", () => {
  for (const make of [
    () => selinux().hasModule("a b"),
    () => selinuxBoolean("../enforce"),
    () => selinux().allows({ source: "a", target: "b", class: "../enforce", permission: "c" }),
  ])
    expect(make).toThrow(DeclarationError);
});

test("this machine, whatever it is, has a mode", async () => {
  const node = hostNode();
  const { mode } = await node.observe(selinuxState, "SELinux");
  expect(["enforcing", "permissive", "disabled"]).toContain(mode);
  await node.close();
});
