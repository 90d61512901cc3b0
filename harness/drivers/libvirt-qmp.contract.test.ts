// Decides that QEMU is spoken to as `libvirt-qmp.ts` and `libvirt-qmp-jobs.ts` promise, on QEMU processes of the test's own: without a
// machine, and with disks that keep a memory.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { connectQmp, type Qmp } from "./libvirt-qmp.ts";
import { runJob, snapshotDelete, snapshotLoad, snapshotSave, snapshotTags } from "./libvirt-qmp-jobs.ts";

const here = mkdtempSync(join(tmpdir(), "assay-qmp-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));

const pids = new Set<number>();
afterEach(() => {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended in the test.
    }
  }
  pids.clear();
});

let count = 0;
/** A QEMU's monitor, and its pid. */
async function qemu(...words: readonly string[]): Promise<{ qmp: Qmp; path: string; pid: number }> {
  const path = join(here, `qmp${++count}`);
  const bare = ["-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg"];
  // It goes into the background when its monitor listens.
  const background = ["-daemonize", "-pidfile", `${path}.pid`, "-qmp", `unix:${path},server=on,wait=off`];
  execFileSync("qemu-system-x86_64", [...bare, ...background, ...words], { stdio: ["ignore", "ignore", "inherit"] });
  const pid = Number(readFileSync(`${path}.pid`, "utf8"));
  pids.add(pid);
  return { qmp: await connectQmp(path), path, pid };
}

function disk(name: string, ...words: readonly string[]): string {
  const file = join(here, `${++count}-${name}`);
  execFileSync("qemu-img", ["create", "-q", ...words, file, "64M"]);
  return file;
}

/** As libvirt writes a disk: a node for the format above one for the file. */
function drive(file: string, format: string, index: number, readOnly = false): readonly string[] {
  const storage = { driver: "file", filename: file, "node-name": `libvirt-${index}-storage`, "read-only": readOnly };
  const above = {
    driver: format,
    file: storage["node-name"],
    "node-name": `libvirt-${index}-format`,
    "read-only": readOnly,
  };
  const device = `virtio-blk-pci,drive=libvirt-${index}-format${readOnly ? "" : ",share-rw=on"}`;
  return ["-blockdev", JSON.stringify(storage), "-blockdev", JSON.stringify(above), "-device", device];
}
const small = ["-machine", "q35", "-m", "32"];

describe("a monitor", () => {
  test("greets, answers each command with its own answer, refuses in QEMU's words", async () => {
    const { qmp } = await qemu("-machine", "none");
    expect(qmp.version).toMatch(/^\d+\.\d+\.\d+$/);
    const asked = ["query-status", "query-name", "query-version"].map((command) => qmp.execute(command));
    const [status, name, version] = await Promise.all(asked);
    expect(status).toMatchObject({ status: expect.any(String) });
    expect(name).toEqual({});
    expect(version).toMatchObject({ qemu: { major: Number(qmp.version.split(".")[0]) } });
    await expect(qmp.execute("no-such-thing")).rejects.toMatchObject({
      code: "qmp-refused",
      seen: expect.stringContaining("no-such-thing"),
    });
    expect(await qmp.execute("query-status")).toMatchObject({ running: expect.any(Boolean) });
    // An answer of many pieces.
    expect(JSON.stringify(await qmp.execute("query-qmp-schema")).length).toBeGreaterThan(100_000);
    qmp.close();
  });

  test("tells events, to all who listen, in QEMU's order, until they stop listening", async () => {
    const { qmp } = await qemu(...small, "-S");
    const heard: string[] = [];
    const off = qmp.onEvent(({ event, at }) => {
      heard.push(event);
      expect(Math.abs(at - Date.now())).toBeLessThan(60_000);
    });
    const reset = qmp.nextEvent(({ event }) => event === "RESET");
    await qmp.cont();
    await qmp.stop();
    await qmp.stop();
    await qmp.execute("system_reset");
    expect((await reset).data).toMatchObject({ guest: false });
    expect(heard.slice(0, 3)).toEqual(["RESUME", "STOP", "RESET"]);
    off();
    await qmp.cont();
    expect(heard).toHaveLength(3);
    qmp.close();
  });

  test("a wait for an event that is not wanted any more ends with its reason", async () => {
    const { qmp } = await qemu("-machine", "none");
    const over = new AbortController();
    const never = qmp.nextEvent(() => false, over.signal);
    over.abort(new Error("enough"));
    await expect(never).rejects.toThrow("enough");
    await expect(qmp.nextEvent(() => true, over.signal)).rejects.toThrow("enough");
    qmp.close();
  });

  test("QEMU's end ends everything that waits, and nothing hangs afterwards", async () => {
    const { qmp, pid } = await qemu("-machine", "none");
    const event = qmp.nextEvent(() => false);
    // Stopped, so that the question lies unanswered in its socket.
    process.kill(pid, "SIGSTOP");
    const question = qmp.execute("query-status");
    const lost = { code: "qmp-lost", seen: expect.stringContaining("is gone") };
    const seen = Promise.all([expect(event).rejects.toMatchObject(lost), expect(question).rejects.toMatchObject(lost)]);
    process.kill(pid, "SIGKILL");
    await qmp.closed;
    await seen;
    expect(qmp.open).toBe(false);
    await expect(qmp.execute("query-status")).rejects.toMatchObject(lost);
    await expect(qmp.nextEvent(() => true)).rejects.toMatchObject(lost);
  });

  test("a QEMU that stands still is told from one that is gone", async () => {
    const { qmp, pid } = await qemu("-machine", "none");
    process.kill(pid, "SIGSTOP");
    await expect(qmp.execute("query-status", {}, { timeoutMs: 200 })).rejects.toMatchObject({ code: "deadline" });
    process.kill(pid, "SIGCONT");
    // The late answer belongs to nobody.
    expect(await qmp.execute("query-version")).toMatchObject({ qemu: expect.anything() });
    qmp.close();
  });

  test("a second client is told that there is a first; once that has gone, it is served", async () => {
    const { qmp, path } = await qemu("-machine", "none");
    await expect(connectQmp(path, { timeoutMs: 300 })).rejects.toMatchObject({ code: "qmp-silent" });
    qmp.close();
    await qmp.closed;
    const second = await connectQmp(path);
    expect(await second.execute("query-version")).toBeDefined();
    second.close();
  });

  test("nobody there, and somebody else there", async () => {
    await expect(connectQmp(join(here, "none"))).rejects.toMatchObject({ code: "qmp-unreachable" });
    // A serial line is no monitor: nothing is said.
    const path = join(here, "serial");
    const { qmp } = await qemu(
      ...small,
      "-S",
      "-chardev",
      `socket,id=c,path=${path},server=on,wait=off`,
      "-serial",
      "chardev:c",
    );
    await expect(connectQmp(path, { timeoutMs: 300 })).rejects.toMatchObject({ code: "qmp-silent" });
    qmp.close();
  });

  test("the screen as PNG, and no screen", async () => {
    const { qmp } = await qemu(...small, "-vga", "std");
    const file = join(here, "screen.png");
    await qmp.screendump(file);
    expect(readFileSync(file).subarray(1, 4).toString()).toBe("PNG");
    qmp.close();
    const { qmp: blind } = await qemu(...small);
    await expect(blind.screendump(file)).rejects.toMatchObject({ code: "qmp-refused" });
    blind.close();
  });
});

describe("snapshots", () => {
  test("memory and all writable disks come back, in the same QEMU; running or stopped as it was", async () => {
    const base = disk("base", "-f", "qcow2");
    const overlay = disk("overlay", "-f", "qcow2", "-b", base, "-F", "qcow2");
    const second = disk("second", "-f", "qcow2");
    const { qmp } = await qemu(...small, ...drive(overlay, "qcow2", 1), ...drive(second, "qcow2", 2), "-S");
    const monitor = (line: string) => qmp.execute("human-monitor-command", { "command-line": line });
    const poke = async (index: number, byte: number) =>
      expect(await monitor(`qemu-io libvirt-${index}-format "write -P ${byte} 0 512"`)).toBe("");
    /** Where the processor is: before it ran, at its first instruction. */
    const place = async () => /EIP=\w+/.exec(String(await monitor("info registers")))?.[0];

    const first = await place();
    await Promise.all([poke(1, 7), poke(2, 7)]);
    await snapshotSave(qmp, "ready");
    expect(await snapshotTags(qmp)).toEqual(["ready"]);
    expect(await qmp.execute("query-status")).toMatchObject({ running: false });
    await Promise.all([poke(1, 9), poke(2, 9)]);
    await qmp.cont();
    // The firmware runs: what it does is told by no event.
    await pause(100);
    await qmp.stop();
    expect(await place()).not.toBe(first);
    await snapshotLoad(qmp, "ready");
    expect(await place()).toBe(first);
    expect(await qmp.execute("query-status")).toMatchObject({ running: false });

    await qmp.cont();
    await snapshotSave(qmp, "later");
    await snapshotLoad(qmp, "ready");
    await snapshotLoad(qmp, "later");
    expect(await qmp.execute("query-status")).toMatchObject({ running: true });
    expect(await qmp.execute("query-jobs")).toEqual([]);

    await snapshotDelete(qmp, "ready");
    await snapshotDelete(qmp, "ready");
    expect(await snapshotTags(qmp)).toEqual(["later"]);
    await expect(snapshotLoad(qmp, "ready")).rejects.toMatchObject({
      code: "no-snapshot",
      seen: expect.stringContaining('"ready"'),
    });
    await qmp.execute("quit");
    await qmp.closed;
    // It ends with 1 where the bytes are others.
    for (const file of [overlay, second])
      expect(String(execFileSync("qemu-io", ["-r", "-c", "read -P 7 0 512", file]))).toContain("read 512/512");
  });

  test("what cannot keep a state is refused, by its file", async () => {
    const raw = disk("raw", "-f", "raw");
    const { qmp } = await qemu(
      ...small,
      ...drive(disk("fine", "-f", "qcow2"), "qcow2", 1),
      ...drive(raw, "raw", 2),
      "-S",
    );
    await expect(snapshotSave(qmp, "x")).rejects.toMatchObject({
      code: "no-snapshot",
      seen: expect.stringContaining(raw),
    });
    qmp.close();
    const { qmp: none } = await qemu(...small, "-S");
    await expect(snapshotSave(none, "x")).rejects.toMatchObject({ code: "no-snapshot" });
    none.close();
  });

  test("a seed that is only read does not stand in the way", async () => {
    const seed = join(here, "seed.iso");
    writeFileSync(seed, Buffer.alloc(2048));
    const { qmp } = await qemu(
      ...small,
      ...drive(disk("fine", "-f", "qcow2"), "qcow2", 1),
      ...drive(seed, "raw", 2, true),
      "-S",
    );
    await snapshotSave(qmp, "x");
    expect(await snapshotTags(qmp)).toEqual(["x"]);
    qmp.close();
  });

  test("a job that fails says why, and none is left", async () => {
    const { qmp } = await qemu(...small, ...drive(disk("fine", "-f", "qcow2"), "qcow2", 1), "-S");
    const devices = ["libvirt-1-format"];
    await expect(runJob(qmp, "snapshot-load", { tag: "no", vmstate: devices[0], devices })).rejects.toMatchObject({
      code: "job-failed",
      seen: expect.stringMatching(/^QEMU's snapshot-load failed: .*no/),
    });
    await expect(runJob(qmp, "snapshot-load", { tag: "no" })).rejects.toMatchObject({ code: "qmp-refused" });
    expect(await qmp.execute("query-jobs")).toEqual([]);
    qmp.close();
  });
});
