// Decides what counts as a mount that hangs, on what a client's kernel told whose server had crashed.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ObservationError } from "../model/errors.ts";
import { hungBetween, type NfsMount, seesNfs, type Waiting, waitingForNfs } from "./hung-mounts.ts";
import { hostNode } from "./shell-node.ts";

// Recorded: Debian 12, kernel 6.1. Of the two one closes a file, the other opens one.
const first = "/proc/self/status:State:\tR (running)";
const device = "device 10.123.199.2:/srv/nfs/vfx mounted on /vfx with fstype nfs4 statvers=1.1";
const recorded = `${first}
process 425
Name:\tsh
 -> /vfx
 -> /dev/null
 -> /vfx/x
${device}
\txprt:\ttcp 0 0 2 0 2 43 41 0 44 0 2 0 1
process 434
Name:\tsh
 -> /
 -> /dev/null
${device}
\txprt:\ttcp 0 0 2 0 2 43 41 0 44 0 2 0 1
end
`;
const read = (stdout: string, status = 0, stderr = "") =>
  waitingForNfs.parse({ stdout: Buffer.from(stdout), stderr, status }, ["processes"])[0] as readonly Waiting[];

const vfx: NfsMount = { target: "/vfx", source: "10.123.199.2:/srv/nfs/vfx", type: "nfs4", received: 41 };

test("who waits, where, and what came from the server are read", () => {
  expect(read(recorded)).toEqual([
    { pid: 425, name: "sh", paths: ["/vfx", "/dev/null", "/vfx/x"], mounts: [vfx] },
    { pid: 434, name: "sh", paths: ["/", "/dev/null"], mounts: [vfx] },
  ]);
  expect(read(`${first}\nend\n`)).toEqual([]);
});

test("several connections count together, datagrams are counted in another place, and names are unescaped", () => {
  const mount = "device nas:/a\\040b mounted on /mnt/a\\040b with fstype nfs statvers=1.1";
  const text = `${first}\nprocess 7\nName:\tcp\n${mount}\n\txprt:\ttcp 0 0 1 0 0 9 8 0 9 0 2 0 0\n\txprt:\tudp 900 1 6 5 0 6 0\nend\n`;
  expect(read(text)[0]?.mounts).toEqual([{ target: "/mnt/a b", source: "nas:/a b", type: "nfs", received: 13 }]);
});

test.each([
  ["nothing", ""],
  ["nonsense", "nonsense: is all it says\n"],
  ["half of it", recorded.slice(0, 120)],
])("%s is no answer", (_, text) => {
  expect(() => read(text)).toThrow(ObservationError);
  expect(() => read(recorded, 127)).toThrow(/cannot be seen/);
});

const sentence = (who: string) =>
  `mount /vfx (nfs4 from 10.123.199.2:/srv/nfs/vfx) hangs: its server answers nothing, and ${who} for it`;

test("what waits before and after, and gets no answer in between, hangs; the only mount is meant where nothing else tells", () => {
  const seen = read(recorded);
  expect(hungBetween(seen, seen)).toEqual([sentence("sh (pid 425), sh (pid 434) wait")]);
  expect(hungBetween(seen, seen.slice(1))).toEqual([sentence("sh (pid 434) waits")]);
  const many = Array.from({ length: 7 }, (_, pid) => ({ pid, name: "cp", paths: [], mounts: [vfx] }));
  expect(hungBetween(many, many)[0]).toContain("cp (pid 3), cp (pid 4) and 2 more wait for it");
});

test("a server that answers somebody does not hang, nor who waits only now, nor another process of that number", () => {
  const seen = read(recorded);
  expect(hungBetween(seen, read(recorded.replaceAll(" 43 41 ", " 44 42 ")))).toEqual([]);
  expect(hungBetween([], seen)).toEqual([]);
  expect(
    hungBetween(
      seen.map((each) => ({ ...each, name: "cp" })),
      seen,
    ),
  ).toEqual([]);
});

test("of several mounts that whose files it has is meant, the innermost; else all that are silent", () => {
  const inner: NfsMount = { ...vfx, target: "/vfx/reference", source: "nas:/reference" };
  const live: NfsMount = { ...vfx, target: "/live", source: "live:/a" };
  const on = (...paths: string[]): Waiting => ({ pid: 9, name: "cp", paths, mounts: [vfx, inner, live] });
  const hung = (paths: string[]) =>
    hungBetween([on(...paths)], [{ ...on(...paths), mounts: [vfx, inner, { ...live, received: 42 }] }])[0];
  expect(hung(["/vfx/reference/film"])).toMatch(/^mount \/vfx\/reference \(nfs4 from nas:\/reference\) hangs/);
  expect(hung(["/vfx/referenced"])).toMatch(/^mount \/vfx \(nfs4 from 10\.123\.199\.2:\/srv\/nfs\/vfx\) hangs/);
  // Its files are on one that answers: it waits for something else.
  for (const paths of [[], ["/live/shot"]]) expect(hung(paths)).toMatch(/^mount \/vfx \(.*\) or \/vfx\/reference \(/);
});

test("a kernel that knows no NFS has nobody who waits, seen without a program; where none is, one that does cannot be asked", async () => {
  const node = hostNode();
  const room = mkdtempSync(join(tmpdir(), "assay-"));
  const bare = (kinds: string) => {
    writeFileSync(join(room, "filesystems"), kinds);
    const script = waitingForNfs.script(["processes"]).replace("/proc/filesystems", join(room, "filesystems"));
    return node.observe({ ...waitingForNfs, script: () => `PATH=/nonexistent\n${script}` }, "processes");
  };
  try {
    if (!(await seesNfs(process.pid))) expect(await node.observe(waitingForNfs, "processes")).toEqual([]);
    expect(await bare("nodev\tproc\n\text4\nnodev\tnfsd\n")).toEqual([]);
    for (const kinds of ["nodev\tproc\n\text4\nnodev\tnfs4\n", "nodev\tnfs\nnodev\tproc\n", "", "\text4\n"])
      await expect(bare(kinds)).rejects.toBeInstanceOf(ObservationError);
    expect(await seesNfs(0)).toBe(false);
  } finally {
    await node.close();
    rmSync(room, { recursive: true });
  }
});
