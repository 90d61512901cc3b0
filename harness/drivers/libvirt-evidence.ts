// Decides what can still be told about a machine, alive or dead: console, journal, kernel log, screen, QEMU's log, the domain.
// Never rejects: what could not be had is said in the file.
import { readFile, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { messageOf } from "../model/errors.ts";
import type { EvidenceFile } from "./driver.ts";
import { hungMountsOf } from "./hung-mounts.ts";
import type { LibvirtClient } from "./libvirt-client.ts";
import { readConsole } from "./libvirt-console.ts";
import type { Machine } from "./libvirt-machine.ts";

/** A guest that is asked for its journal when all is over has this long. */
const patienceMs = 20_000;
/** One whose journal takes longer is asked for the kernel's log beside it: both may take all the time there is. */
const soonMs = 3_000;
/** Where the daemon keeps QEMU's own words: the machine's, or this user's. */
const qemuLogsOf = ({ session }: LibvirtClient["uri"]) =>
  session ? join(homedir(), ".cache", "libvirt", "qemu", "log") : "/var/log/libvirt/qemu";

/** Of a machine by its domain's name; `machine` where this process has it. */
export async function evidenceOf(
  domain: string,
  client: LibvirtClient,
  machine: Machine | undefined,
  qemuLog = join(qemuLogsOf(client.uri), `${domain}.log`),
): Promise<readonly EvidenceFile[]> {
  const told = (what: Promise<string>) => what.catch((error: unknown) => `could not be had: ${messageOf(error)}\n`);
  const [console, [journal, dmesg], qemu, xml, screen, hung] = await Promise.all([
    told(machine === undefined ? notHere() : readConsole(machine.facts.files.console)),
    logsOf((command) => told(fromGuest(machine, command))),
    told(readFile(qemuLog, "utf8")),
    told(client.domainXml(domain).then((text) => text ?? "there is no such domain any more\n")),
    screenOf(domain, client, machine),
    hungIn(machine),
  ]);
  return [
    { title: "log", name: "console.log", content: console },
    { title: "journal", name: "journal.txt", content: journal },
    { title: "dmesg", name: "dmesg.txt", content: dmesg },
    { title: "qemu", name: "qemu.log", content: qemu },
    { title: "domain", name: "domain.xml", content: xml },
    ...(screen === undefined ? [] : [{ title: "screen", name: "screen.png", content: screen }]),
    ...hung,
  ];
}

/**
 * The journal, and the kernel's log of the same boot. The journal has that as well where it goes back to the kernel's first words: a process
 * less in a guest that is emulated.
 */
async function logsOf(asked: (command: readonly [string, ...string[]]) => Promise<string>): Promise<[string, string]> {
  const journal = asked(["journalctl", "--boot", "--output=short-iso-precise", "--no-pager", "--quiet"]);
  const soon = await Promise.race([journal, pause(soonMs, "", { ref: false })]);
  return Promise.all([journal, kernelsOwn(soon) ?? asked(["dmesg"])]);
}

/** `2026-11-22T23:57:55.123456+0000 host kernel: text`: of a journal the kernel's lines, and those that go on below one; `undefined` where it does not have all. */
export function kernelsOwn(journal: string): string | undefined {
  const lines: string[] = [];
  let ofKernel = false;
  for (const line of journal.split("\n")) {
    if (!/^\s/.test(line)) ofKernel = /^\S+ \S+ kernel: /.test(line);
    if (ofKernel && line !== "") lines.push(line);
  }
  return /kernel: Linux version /.test(lines[0] ?? "") ? lines.map((line) => `${line}\n`).join("") : undefined;
}

/** A guest that has ended, or never answered, is not waited for. */
async function fromGuest(machine: Machine | undefined, command: readonly [string, ...string[]]): Promise<string> {
  if (machine === undefined) return notHere();
  if (machine.life.over) throw new Error("the machine is off");
  if (machine.bootId === "") throw new Error("the guest never answered");
  const ended = machine.life.ended.then(({ seen }) => Promise.reject(new Error(seen)));
  ended.catch(() => undefined);
  const answer = machine.transport.exec(command, { timeoutMs: patienceMs });
  answer.catch(() => undefined);
  const { status, stdout, stderr } = await Promise.race([answer, ended]);
  return status === 0 ? stdout : `${stdout}${stderr}(ended with status ${status})\n`;
}

/** Who waits in containers on it is among its own processes. */
async function hungIn(machine: Machine | undefined): Promise<readonly EvidenceFile[]> {
  if (machine === undefined || !machine.life.answers || machine.bootId === "") return [];
  return Promise.race([hungMountsOf(machine.transport), machine.life.ended.then(() => [])]);
}

async function screenOf(
  domain: string,
  client: LibvirtClient,
  machine: Machine | undefined,
): Promise<Uint8Array | undefined> {
  if (machine === undefined || machine.life.over) return undefined;
  const path = `${machine.facts.files.directory}/evidence.png`;
  try {
    await client.screenshot(domain, path);
    return await readFile(path);
  } catch {
    return undefined; // a machine without a screen has no picture of it
  } finally {
    await rm(path, { force: true }).catch(() => undefined);
  }
}

function notHere(): Promise<string> {
  return Promise.reject(new Error("this process did not start the machine"));
}
