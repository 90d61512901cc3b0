// Decides that a container's denials are explained with what helps, and that nothing is said where nothing is known.
import { expect, test } from "vitest";
import { adviceOn } from "./selinux-advice.ts";
import { readAuditLog } from "./selinux-audit.ts";
import { avc } from "./selinux-avc.ts";

// Recorded on Debian 12.
const write = `type=AVC msg=audit(1795256391.192:102): avc:  denied  { write } for  pid=816 comm="touch" name="db" dev="vda1" ino=130562 scontext=system_u:system_r:container_t:s0:c83,c421 tcontext=unconfined_u:object_r:user_home_t:s0 tclass=dir permissive=0`;
const append = `type=AVC msg=audit(1795256418.856:119): avc:  denied  { append } for  pid=965 comm="sh" name="f" dev="vda1" ino=130564 scontext=system_u:system_r:container_t:s0:c224,c688 tcontext=system_u:object_r:container_file_t:s0:c245,c1014 tclass=file permissive=0`;
const denials = (...records: string[]) => readAuditLog(records.join("\n"), 0).denials;

test("a type that is not containers': relabelled, or mounted so that the engine does it; said once", () => {
  expect(adviceOn(denials(write, write))).toEqual([
    "container_t may not write user_home_t: relabel it with chcon -t container_file_t, or mount it with :Z, or with :z for several containers",
  ]);
});

test("the right type with another container's categories", () => {
  expect(adviceOn(denials(append))).toEqual([
    "container_t may not append container_file_t of categories c245,c1014, which are another container's: mount it with :z for several containers, or with :Z for this one alone",
  ]);
});

test.each([
  ["its own categories", append.replace("c245,c1014", "c224,c688")],
  ["no categories", append.replace(":c245,c1014", "")],
  ["a range that it is in", append.replace("s0:c224,c688", "s0-s0:c0.c1023")],
  ["somebody else than a container", write.replace("container_t", "sshd_t")],
  ["something else than a file", write.replace("tclass=dir", "tclass=tcp_socket")],
])("%s: nothing is said", (_, record) => {
  expect(adviceOn(denials(record))).toEqual([]);
});

test("it is in the message of the check that failed", () => {
  const log = readAuditLog([write, append].join("\n"), 0);
  for (const judged of [avc().hasDeniedNothing().judge(log), avc().hasDenied({ source: "sshd_t" }).judge(log)])
    expect(judged).toMatchObject({
      met: false,
      seen: expect.stringMatching(/may not write user_home_t: relabel .*may not append container_file_t/s),
    });
});
