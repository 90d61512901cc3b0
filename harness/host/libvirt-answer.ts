// Decides what libvirt says of itself when it is asked, and how a refusal is told. Refuses to start this machine's daemon.
import { spawn } from "node:child_process";
import type { Finding } from "../model/capabilities.ts";
import { messageOf } from "../model/errors.ts";
import { daemonOf, daemons, type Knocked, knockAtLibvirt, libvirtProgram } from "./libvirt.ts";
import { findTool } from "./tools.ts";

/** What libvirt said when it was asked for its versions, or how it failed to. */
export type LibvirtAnswer =
  | { readonly state: "answers"; readonly libvirt: string; readonly qemu: string | undefined }
  /** `seen`: the last of its complaints. */
  | { readonly state: "refuses"; readonly seen: string }
  /** It could not be asked, or gave no answer in time. */
  | { readonly state: "silent"; readonly seen: string };

/**
 * Asks for the versions by virsh(1), which waits where a daemon is just starting, and starts a session's. About 40 ms; some
 * seconds where libvirt looks QEMU over first.
 * Never rejects.
 */
export function askLibvirt(virsh: string, uri: string, timeoutMs = 20_000): Promise<LibvirtAnswer> {
  const { promise, resolve } = Promise.withResolvers<LibvirtAnswer>();
  // Complaints are known by their first word, which virsh translates.
  const child = spawn("env", ["LC_ALL=C", virsh, "--connect", uri, "version", "--daemon"], {
    stdio: ["ignore", "pipe", "pipe"],
    timeout: timeoutMs,
    killSignal: "SIGKILL",
  });
  let [said, complaint] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint += text;
  });
  child.on("error", (error) => resolve({ state: "silent", seen: messageOf(error) }));
  child.on("close", (status, signal) => {
    const versions = versionsIn(said);
    if (status === 0 && versions !== undefined) return resolve({ state: "answers", ...versions });
    if (signal === "SIGKILL") return resolve({ state: "silent", seen: `no answer within ${timeoutMs} ms` });
    const seen = complaintIn(complaint);
    if (seen === undefined) resolve({ state: "silent", seen: `virsh ended with ${status ?? signal}` });
    else resolve({ state: "refuses", seen });
  });
  return promise;
}

/** The versions in what `virsh version --daemon` prints. */
export function versionsIn(
  output: string,
): { readonly libvirt: string; readonly qemu: string | undefined } | undefined {
  const [, library, , hypervisor, daemon] = output
    .split("\n")
    .filter((line) => line.trim() !== "")
    .map((line) => /(\d+\.\d+\.\d+)\s*$/.exec(line)?.[1]);
  const libvirt = daemon ?? library;
  return libvirt === undefined ? undefined : { libvirt, qemu: hypervisor };
}

/** virsh complains in several lines; the last says what is really the matter. */
function complaintIn(text: string): string | undefined {
  const lines = text.split("\n").flatMap((line) => /^error: (.*)$/.exec(line)?.[1] ?? []);
  return lines.at(-1);
}

export interface LibvirtFacts {
  readonly uri: string;
  /** Path of a daemon's program; `undefined` when none is installed. */
  readonly program: string | undefined;
  readonly knocked: Knocked;
  /** `undefined` where there is no virsh to ask with. */
  readonly answer: LibvirtAnswer | undefined;
}

/** The line of `assay doctor` about libvirt. */
export function libvirtFinding({ uri, program, knocked, answer }: LibvirtFacts): Finding {
  const about = { what: "libvirt", needed: false } as const;
  const daemon = daemonOf(uri);
  const setup = "npx assay setup --yes";
  if (answer === undefined)
    return {
      ...about,
      can: "no",
      detail: `${program ?? "no daemon"}; no virsh`,
      cause: "package libvirt-clients is not installed",
      remedy: `${setup}, or: apt-get install libvirt-clients`,
    };
  if (answer.state === "answers") return { ...about, can: "yes", detail: `${answer.libvirt}, at ${uri}` };
  const detail = `${uri}: ${answer.seen}`;
  if (daemon === "elsewhere")
    return {
      ...about,
      can: answer.state === "silent" ? "unknown" : "no",
      detail,
      cause: "the daemon that LIBVIRT_DEFAULT_URI means cannot be used",
      remedy: `virsh --connect ${uri} version shows more; or unset LIBVIRT_DEFAULT_URI`,
    };
  if (program === undefined)
    return {
      ...about,
      can: "no",
      detail: "not installed",
      cause: "no libvirtd and no virtqemud",
      remedy: `${setup}, or: apt-get install libvirt-daemon-system`,
    };
  if (daemon === "system" && knocked.listens === undefined)
    return {
      ...about,
      can: "no",
      detail: `${program} is installed`,
      cause: `nothing listens at ${daemons.map(({ socket }) => socket).join(" or ")} (${knocked.refusals.join(", ")})`,
      remedy: setup,
    };
  if (answer.state === "silent")
    return {
      ...about,
      can: "unknown",
      detail,
      cause: "what is there could not be asked",
      remedy: `virsh --connect ${uri} version shows more; look at libvirtd's log`,
    };
  const foreign =
    daemon === "system" && /authenticat|bus connection|permission denied|access denied/i.test(answer.seen);
  return {
    ...about,
    can: "no",
    detail,
    cause: foreign ? "this user may not use the machine's daemon" : "the daemon refuses to serve",
    remedy: foreign
      ? "become root, or: sudo usermod -aG libvirt $USER, then log in again; or LIBVIRT_DEFAULT_URI=qemu:///session"
      : `virsh --connect ${uri} version shows more; look at libvirtd's log`,
  };
}

/** Looks for the daemons, knocks, and asks. Never rejects. */
export async function probeLibvirt(path: string, uri: string): Promise<Finding> {
  const virsh = findTool("virsh", path);
  const [knocked, answer] = await Promise.all([
    knockAtLibvirt(),
    virsh === undefined ? undefined : askLibvirt(virsh, uri),
  ]);
  return libvirtFinding({ uri, program: libvirtProgram(path), knocked, answer });
}
