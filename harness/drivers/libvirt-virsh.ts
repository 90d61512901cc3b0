// Decides how virsh is asked: one process a question (18 ms; several questions of one listing share one), arguments as an array and never
// through a shell, XML on standard input. Reads no words, which are translated and change: only names, UUIDs, numbers and XML.
import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { messageOf, ProvisionError } from "../model/errors.ts";
import { answerMs, CallFailed, type LibvirtCalls, slowAnswerMs, unanswered } from "./libvirt-client-calls.ts";
import type { LibvirtUri } from "./libvirt-client-uri.ts";
import { whyUnchecked } from "./libvirt-schema.ts";
import { nameless } from "./nameless-file.ts";

/** Writing a big guest's memory to a disk is slow. */
const dumpMs = 600_000;
/** What stands between the answers of one process; no name, UUID or XML has it. */
const divider = "\u241e assay \u241e";

/** Carries everything there is, to the libvirt of the URI. */
export function virshCalls(uri: LibvirtUri): LibvirtCalls {
  const ask = (words: readonly string[], options: AskOptions = {}) =>
    virsh(["--quiet", "--connect", uri.text, ...words], options);
  /** Several commands of virsh's own language in one process; only with words that need no quotes. */
  const askAll = async (commands: readonly string[]): Promise<readonly string[]> => {
    if (commands.length === 0) return [];
    // Without the divider at the end, an answer's last line and the divider would be one.
    const script = commands.map((command) => `${command}; echo '${divider}'`).join("; ");
    return (await ask([script])).split(divider).slice(0, commands.length);
  };
  const xmls = async (verb: string, uuids: readonly string[]) => {
    const answers = await askAll(uuids.map((uuid) => `${verb} ${plain(uuid)}`));
    return new Map(
      uuids.map((uuid, index) => [uuid, answers[index]?.trim() ?? ""] as const).filter(([, xml]) => xml !== ""),
    );
  };
  const run = async (words: readonly string[], options?: AskOptions) => void (await ask(words, options));

  // The daemon's own check costs nothing beside starting QEMU; ours would take 150 ms of this process.
  const validate = uri.remote || whyUnchecked("domain") === undefined;

  return {
    ping: () => run(["uri"]),
    version: () => ask(["version"], { timeoutMs: slowAnswerMs }),
    capabilities: () => ask(["capabilities"], { timeoutMs: slowAnswerMs }),
    async domains() {
      const states = ["running", "paused", "shutoff"] as const;
      const filters = states.map((state) => `list --all --uuid --state-${state}`);
      const [all = "", ...byState] = await askAll(["list --all --uuid --name", ...filters]);
      const sets = byState.map((text) => new Set(lines(text)));
      return lines(all).map((line) => {
        const uuid = line.slice(0, 36);
        return { uuid, name: line.slice(37), state: states.find((_, index) => sets[index]?.has(uuid)) ?? "other" };
      });
    },
    domainXml: (name) => ask(["dumpxml", "--domain", name]),
    domainXmls: (uuids) => xmls("dumpxml", uuids),
    createDomain(xml, paused) {
      const flags = [...(validate ? ["--validate"] : []), ...(paused ? ["--paused"] : [])];
      return run(["create", "--file", "/dev/stdin", ...flags], { stdin: xml, timeoutMs: slowAnswerMs });
    },
    destroyDomain: (name) => run(["destroy", "--domain", name]),
    shutdownDomain: (name, mode) => run(["shutdown", "--domain", name, "--mode", mode]),
    async networks() {
      const [all = "", up = ""] = await askAll(["net-list --all --uuid", "net-list --uuid"]);
      const uuids = lines(all);
      const names = await askAll(uuids.map((uuid) => `net-name ${plain(uuid)}`));
      const active = new Set(lines(up));
      return uuids
        .map((uuid, index) => ({ uuid, name: names[index]?.trim() ?? "", active: active.has(uuid) }))
        .filter(({ name }) => name !== "");
    },
    networkXml: (name) => ask(["net-dumpxml", "--network", name]),
    networkXmls: (uuids) => xmls("net-dumpxml", uuids),
    createNetwork: (xml) => run(["net-create", "--file", "/dev/stdin"], { stdin: xml }),
    destroyNetwork: (name) => run(["net-destroy", "--network", name]),
    updateNetwork: (name, verb, section, xml) =>
      run(["net-update", "--network", name, "--command", verb, "--section", section, "--xml", xml, "--live"]),
    leases: async (network) => lines(await ask(["net-dhcp-leases", "--network", network])).flatMap(readLease),
    device: (verb, domain, xml) =>
      run([`${verb}-device`, "--domain", domain, "--file", "/dev/stdin", "--live"], { stdin: xml }),
    screenshot: (domain, file) => run(["screenshot", "--domain", domain, "--file", file]),
    dumpMemory: (domain, file) =>
      run(["dump", "--memory-only", "--domain", domain, "--file", file], { timeoutMs: dumpMs }),
    async agent(domain, command, timeoutMs) {
      const seconds = String(Math.max(1, Math.ceil(timeoutMs / 1000)));
      const words = ["qemu-agent-command", "--domain", domain, "--timeout", seconds, "--cmd", JSON.stringify(command)];
      return (JSON.parse(await ask(words, { timeoutMs: timeoutMs + answerMs })) as { return?: unknown }).return;
    },
    close: () => Promise.resolve(),
  };
}

interface AskOptions {
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

/** Standard output of one virsh. Rejects with its words when it exits with another status than 0. */
function virsh(words: readonly string[], { stdin, timeoutMs = answerMs }: AskOptions): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const input = stdin === undefined ? "ignore" : nameless(stdin);
  const child = spawn("virsh", words, { stdio: [input, "pipe", "pipe"], timeout: timeoutMs, killSignal: "SIGKILL" });
  if (typeof input === "number") closeSync(input);
  let [output, errors] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  child.on("error", (error) =>
    reject((error as NodeJS.ErrnoException).code === "ENOENT" ? virshMissing(error) : error),
  );
  child.on("close", (status, signal) => {
    if (status === 0) return resolve(output);
    if (signal === "SIGKILL") return reject(unanswered(timeoutMs));
    const seen = lines(errors.replaceAll(/^error: /gm, "")).join(": ");
    reject(new CallFailed(seen === "" ? `virsh ended with ${status ?? signal}` : seen));
  });
  return promise;
}

function virshMissing(cause: unknown): ProvisionError {
  return new ProvisionError({
    code: "virsh-missing",
    phase: "setup",
    seen: `virsh could not be started (${messageOf(cause)})`,
    hint: "apt-get install libvirt-clients",
    cause,
  });
}

function lines(text: string): readonly string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

/** A word that virsh's own language takes as it is. */
function plain(uuid: string): string {
  if (/^[0-9a-f-]{36}$/i.test(uuid)) return uuid;
  throw new CallFailed(`"${uuid}" is no UUID`);
}

/** `2026-11-21 10:34:53   52:54:00:00:00:01   ipv4   10.1.2.3/24   web   ff:…`; a host name that is not known is a hyphen. */
function readLease(line: string): { mac: string; address: string; hostname: string | undefined }[] {
  const match = /\s([0-9a-f]{2}(?::[0-9a-f]{2}){5})\s+ipv[46]\s+([^\s/]+)\/\d+\s+(\S+)/i.exec(line);
  if (match === null) return [];
  const [, mac = "", address = "", hostname = "-"] = match;
  return [{ mac: mac.toLowerCase(), address, hostname: hostname === "-" ? undefined : hostname }];
}
