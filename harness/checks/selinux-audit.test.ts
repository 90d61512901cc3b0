// Decides that denials are read as they were logged, since a mark, and that a log which is not whole answers nothing.
import { describe, expect, test } from "vitest";
import { ObservationError } from "../model/errors.ts";
import { troubleIn } from "./kernel-log.ts";
import { auditLog, auditRecordOf, readAuditLog, setAuditMark } from "./selinux-audit.ts";
import { avc } from "./selinux-avc.ts";

// Recorded on Debian 12: a container's write to a directory of root's, and another's to a file of a third one's.
const write = `type=AVC msg=audit(1795256391.192:102): avc:  denied  { write } for  pid=816 comm="touch" name="db" dev="vda1" ino=130562 scontext=system_u:system_r:container_t:s0:c83,c421 tcontext=unconfined_u:object_r:root_t:s0 tclass=dir permissive=0`;
const append = `type=AVC msg=audit(1795256418.856:119): avc:  denied  { append } for  pid=965 comm="sh" name="f" dev="vda1" ino=130564 scontext=system_u:system_r:container_t:s0:c224,c688 tcontext=system_u:object_r:container_file_t:s0:c245,c1014 tclass=file permissive=0`;
const mark = (token: string, lost = 0) =>
  `type=USER msg=audit(1795257035.444:148): pid=1320 uid=0 auid=4294967295 ses=4294967295 subj=unconfined_u:unconfined_r:auditctl_t:s0-s0:c0.c1023 msg='text=assay-mark-${token}-lost-${lost} exe="/usr/sbin/auditctl" hostname=? addr=? terminal=? res=success'\x1dUID="root" AUID="unset"`;
// As systemd writes them for units that SELinux keeps somebody from.
const byProgram = `type=USER_AVC msg=audit(1609459200.000:7): pid=1 uid=0 auid=4294967295 ses=4294967295 subj=system_u:system_r:init_t:s0 msg='avc:  denied  { start } for auid=n/a uid=0 gid=0 path="/lib/systemd/system/ssh.service" cmdline="systemctl start ssh" scontext=user_u:user_r:user_t:s0 tcontext=system_u:object_r:sshd_unit_t:s0 tclass=service permissive=1 exe="/usr/lib/systemd/systemd" sauid=0 hostname=? addr=? terminal=?'`;

const said = (lines: readonly string[], status = 0, stderr = "") => ({
  stdout: Buffer.from(["kernel=yes", ...lines, ""].join("\n")),
  status,
  stderr,
});

describe("records are read", () => {
  test("who was denied what, and whether in earnest", () => {
    const { denials } = readAuditLog([write, byProgram].join("\n"), 0);
    expect(denials).toEqual([
      {
        timeMs: 1795256391192,
        permissions: ["write"],
        source: "system_u:system_r:container_t:s0:c83,c421",
        target: "unconfined_u:object_r:root_t:s0",
        class: "dir",
        permissive: false,
        comm: "touch",
        name: "db",
      },
      expect.objectContaining({ class: "service", permissive: true, name: "/lib/systemd/system/ssh.service" }),
    ]);
  });

  test("the kernel's own line, where no auditd took it, is the same denial", () => {
    const line = write.replace("type=AVC msg=audit", "audit: type=1400 audit");
    expect(troubleIn(line)).toBe("avc-denial");
    expect(readAuditLog(auditRecordOf(line), 0)).toEqual(readAuditLog(write, 0));
  });

  test("several permissions, names in hexadecimal, what was granted", () => {
    const record = write
      .replace("{ write }", "{ write add_name }")
      .replace('"touch"', "6D7920746F756368")
      .replace('name="db"', "name=612062");
    const [denial] = readAuditLog([record, write.replace("denied", "granted")].join("\n"), 0).denials;
    expect(denial).toMatchObject({ permissions: ["write", "add_name"], comm: "my touch", name: "a b" });
    expect(readAuditLog(write.replace("denied", "granted"), 0).denials).toEqual([]);
  });

  test("a record without its half is an error", () => {
    expect(() => readAuditLog(write.slice(0, 160), 0)).toThrow(ObservationError);
  });
});

describe("the log is read since a mark", () => {
  const lines = [write, mark("one"), append, mark("last")];

  test("from its beginning, and from a mark on", () => {
    const [whole, since] = auditLog.parse(said(lines), [undefined, { token: "one" }]);
    expect(whole).toMatchObject({ denials: [{ class: "dir" }, { class: "file" }], lost: 0 });
    expect(since).toMatchObject({ denials: [{ class: "file" }] });
  });

  test("records lost since the mark are counted", () => {
    const [whole, since] = auditLog.parse(said([mark("one", 3), mark("last", 5)]), [undefined, { token: "one" }]);
    expect(whole).toMatchObject({ lost: 5 });
    expect(since).toMatchObject({ lost: 2 });
  });

  test("a mark that the log does not have is an error, for its own question alone", () => {
    const [gone, whole] = auditLog.parse(said(lines), [{ token: "other" }, undefined]);
    expect(gone).toMatchObject({ code: "probe-failed", hint: expect.stringContaining("reset") });
    expect(whole).toMatchObject({ denials: [{}, {}] });
  });

  test.each([
    ["auditctl is missing", said([], 74, "auditctl\n"), "probe-missing"],
    ["the log may not be read", said([], 75, "/var/log/audit/audit.log: Permission denied\n"), "probe-denied"],
    ["auditd does not run", said([], 76, "auditd does not run\n"), "probe-failed"],
    ["a mark does not come", said([], 72), "probe-failed"],
    ["the answer has no mark", said([write]), "probe-unreadable"],
  ])("%s: an error", (_, output, code) => {
    expect(() => auditLog.parse(output, [undefined])).toThrow(expect.objectContaining({ code }));
    expect(() => setAuditMark.parse(output, ["token"])).toThrow(ObservationError);
  });

  test("a kernel without SELinux has no denials to tell of", () => {
    const output = { stdout: Buffer.from("kernel=no\n"), status: 0, stderr: "" };
    const without = "the node's kernel has no SELinux";
    expect(auditLog.parse(output, [undefined])).toEqual([{ without }]);
    expect(avc().hasDeniedNothing().judge({ without })).toEqual({ skipped: without });
  });
});

describe("denials are judged", () => {
  const log = readAuditLog([write, append].join("\n"), 0);

  test.each([
    [{ source: "container_t", target: "root_t", class: "dir", permission: "write" }, true],
    [{ source: "system_u:system_r:container_t:s0:c224,c688" }, true],
    [{ source: "container_t", target: "root_t", class: "file" }, false],
    [{ permission: "append" }, true],
    [{ target: "user_home_t" }, false],
  ])("%o: %s", (wanted, met) => {
    expect(avc().hasDenied(wanted).judge(log)).toMatchObject({ met });
  });

  test("what was only logged was not denied, and is not nothing", () => {
    const permissive = readAuditLog(write.replace("permissive=0", "permissive=1"), 0);
    expect(avc().hasDenied({ target: "root_t" }).judge(permissive)).toMatchObject({
      met: false,
      seen: expect.stringContaining("only logged"),
    });
    expect(avc().hasDeniedNothing().judge(permissive)).toMatchObject({ met: false });
  });

  test("nothing, and nothing except", () => {
    expect(avc().hasDeniedNothing().judge(readAuditLog("", 0))).toMatchObject({ met: true });
    expect(avc().hasDeniedNothing().judge(log)).toMatchObject({ met: false });
    expect(
      avc()
        .hasDeniedNothing({ except: [{ source: "container_t" }] })
        .judge(log),
    ).toMatchObject({ met: true });
    expect(
      avc()
        .hasDeniedNothing({ except: [{ class: "dir" }] })
        .judge(log),
    ).toMatchObject({ met: false });
    expect(
      avc()
        .hasDeniedNothing()
        .judge({ denials: [], errors: ["type=SELINUX_ERR …"], lost: 0 }),
    ).toMatchObject({ met: false });
  });

  test("a question without any part is refused", () => {
    expect(() => avc().hasDenied({})).toThrow(/given nothing/);
  });
});
