// Decides how network interfaces, their addresses and the routes are seen: files of /sys and /proc; addresses by `ip`, and without it
// by the kernel's table of local addresses. Refuses to say which interface has an address that nothing leads to.
import type { Probe } from "../model/check.ts";
import { endFrame, readFrames } from "./frames.ts";
import { failedProbe, missingTool, unreadable } from "./unanswered.ts";

export interface InterfaceFacts {
  /** Switched on, and with a carrier where it has one. */
  readonly up: boolean;
  /** The kernel's word: `up`, `down`, `unknown` (loopback and tunnels), `lowerlayerdown`. */
  readonly state: string;
  readonly mtu: number;
  /** `02:42:ac:11:00:03`; empty where it has none. */
  readonly mac: string;
  /** Megabits a second, where its driver says so: a virtual one mostly does not. */
  readonly speed?: number;
  /** The bridge, bond, team or VRF that it is a part of. */
  readonly master?: string;
  /** With the length of the prefix: `172.17.0.3/16`, `fe80::42/64`. */
  readonly addresses: readonly string[];
}

const attributes = ["operstate", "mtu", "address", "flags", "speed", "ifindex", "master/ifindex"] as const;

/** Subject: an interface's name. Answer: `undefined` where there is none. */
export const interfaceFacts: Probe<string, InterfaceFacts | undefined> = {
  name: "interfaces",
  script: () => `export LC_ALL=C
command -v grep >/dev/null || exit 127
[ -d /sys/class/net/lo ] || { echo "/sys/class/net is not there" >&2; exit 77; }
grep -sH '' ${attributes.map((name) => `/sys/class/net/*/${name}`).join(" ")}; ${endFrame('"files"')}
if command -v ip >/dev/null; then ip -o addr; else grep -sH '' /proc/net/fib_trie /proc/net/route /proc/net/if_inet6; false; fi; ${endFrame('"$?"')}`,
  parse(output, names) {
    if (output.status === 127) throw missingTool("grep", "network interfaces");
    if (output.status === 77) throw failedProbe("cannot see network interfaces", output.stderr.trim());
    const [files, listed] = readFrames("interfaces", output, 2);
    const held = new Map<string, Map<string, string>>();
    for (const [, name = "", attribute = "", value = ""] of (files?.bytes.toString("utf8") ?? "").matchAll(
      /^\/sys\/class\/net\/([^/]+)\/((?:master\/)?\w+):(.*)$/gm,
    ))
      held.set(name, (held.get(name) ?? new Map<string, string>()).set(attribute, value));
    if (!held.has("lo")) throw unreadable("grep /sys/class/net", output);
    const text = listed?.bytes.toString("utf8") ?? "";
    const addresses = listed?.words === "0" ? readIpAddresses(text) : readKernelAddresses(text);
    if (addresses === undefined) throw unreadable("ip -o addr", output);
    return names.map((name) => {
      const found = held.get(name);
      if (found === undefined) return undefined;
      const state = found.get("operstate") ?? "";
      const speed = Number(found.get("speed") ?? -1);
      const master = found.get("master/ifindex");
      const [over] = [...held].find(([, each]) => master !== undefined && each.get("ifindex") === master) ?? [];
      const on = (Number.parseInt(found.get("flags") ?? "0", 16) & 1) === 1;
      return {
        up: on && (state === "up" || state === "unknown"),
        state,
        mtu: Number(found.get("mtu")),
        mac: found.get("address") ?? "",
        ...(speed > 0 ? { speed } : {}),
        ...(over === undefined ? {} : { master: over }),
        addresses: addresses.get(name) ?? [],
      };
    });
  },
};

type Addresses = ReadonlyMap<string, readonly string[]>;

/** Lines of `ip -o addr`, iproute2's and busybox's. */
export function readIpAddresses(text: string): Addresses | undefined {
  const found = new Map<string, readonly string[]>();
  for (const line of text.split("\n").filter(Boolean)) {
    const [, name = "", address = "", local] = /^\d+: (\S+)\s+inet6? (\S+)(?: peer (\S+))?/.exec(line) ?? [];
    // An interface without an address has a line of busybox's about its link.
    if (name === "" && !/^\d+: \S+:? /.test(line)) return undefined;
    if (name === "") continue;
    const prefix = local === undefined ? address : `${address.replace(/\/.*/, "")}/${local.split("/")[1] ?? 32}`;
    found.set(name, [...(found.get(name) ?? []), prefix]);
  }
  return found;
}

/** `/proc/net/fib_trie`, `route` and `if_inet6`, each line with its file's name before it. */
export function readKernelAddresses(text: string): Addresses | undefined {
  const lines = (file: string) =>
    [...text.matchAll(new RegExp(`^/proc/net/${file}:(.*)$`, "gm"))].map(([, line = ""]) => line);
  const trie = lines("fib_trie").join("\n");
  const routes = lines("route").slice(1).map(readIpv4Route);
  if (!/^(Main|Local):$/m.test(trie)) return undefined;
  const found = new Map<string, readonly string[]>();
  const add = (name: string, address: string) => found.set(name, [...(found.get(name) ?? []), address]);
  const locals = new Set([...trie.matchAll(/\|-- ([\d.]+)\n +\/32 host LOCAL/g)].map(([, address = ""]) => address));
  for (const address of locals) {
    if (address.startsWith("127.")) {
      add("lo", `${address}/8`);
      continue;
    }
    const near = routes
      .filter((route) => route !== undefined)
      .filter(
        ({ gateway, prefix, destination }) =>
          gateway === undefined && prefix > 0 && contains(destination, prefix, address),
      )
      .toSorted((a, b) => b.prefix - a.prefix)[0];
    if (near !== undefined) add(near.through, `${address}/${near.prefix}`);
  }
  for (const line of lines("if_inet6")) {
    const [hex = "", , prefix = "", , , name = ""] = line.trim().split(/\s+/);
    add(name, `${ipv6(hex)}/${Number.parseInt(prefix, 16)}`);
  }
  return found;
}

export interface Route {
  /** Of the destination: `0.0.0.0`, `::` for the default route. */
  readonly destination: string;
  /** Length of the prefix in bits. */
  readonly prefix: number;
  /** `undefined` where the destination is on the link itself. */
  readonly gateway: string | undefined;
  /** The interface's name. */
  readonly through: string;
  readonly metric: number;
}

/** Subject: anything; answer: the main routing table, IPv4 and IPv6, those of loopback left out. */
export const routes: Probe<string, readonly Route[]> = {
  name: "routes",
  script: () => `export LC_ALL=C
[ -r /proc/net/route ] || { echo "/proc/net/route cannot be read" >&2; exit 77; }
command -v grep >/dev/null || exit 127
grep -sH '' /proc/net/route /proc/net/ipv6_route
exit 0`,
  parse(output, subjects) {
    if (output.status === 127) throw missingTool("grep", "routes");
    if (output.status === 77) throw failedProbe("cannot see routes", output.stderr.trim());
    const [header = "", ...lines] = output.stdout.toString("utf8").split("\n").filter(Boolean);
    if (!/^\/proc\/net\/route:Iface\s+Destination/.test(header)) throw unreadable("grep /proc/net/route", output);
    const table = lines.map((line) => {
      const read = line.startsWith("/proc/net/ipv6_route:")
        ? readIpv6Route(line.slice("/proc/net/ipv6_route:".length))
        : readIpv4Route(line.slice("/proc/net/route:".length));
      if (read === undefined) throw unreadable("grep /proc/net/route", output);
      return read;
    });
    const shown = table.filter(({ through }) => through !== "lo");
    return subjects.map(() => shown);
  },
};

/** A line of /proc/net/route: numbers as 32-bit words in the machine's (little-endian) order. */
function readIpv4Route(line: string): Route | undefined {
  const [through = "", destination, gateway, , , , metric, mask] = line.trim().split(/\s+/);
  if (destination === undefined || gateway === undefined || mask === undefined || !/^[0-9A-F]{8}$/.test(mask))
    return undefined;
  const next = ipv4(gateway);
  return {
    destination: ipv4(destination),
    prefix: [...Number.parseInt(mask, 16).toString(2)].filter((bit) => bit === "1").length,
    gateway: next === "0.0.0.0" ? undefined : next,
    through,
    metric: Number(metric),
  };
}

/** A line of /proc/net/ipv6_route, whose last word is the interface. */
function readIpv6Route(line: string): Route | undefined {
  const fields = line.trim().split(/\s+/);
  const [destination = "", prefix = "", , , gateway = "", metric = "", , , , through] = fields;
  if (through === undefined || !/^[0-9a-f]{32}$/.test(destination)) return undefined;
  const next = ipv6(gateway);
  return {
    destination: ipv6(destination),
    prefix: Number.parseInt(prefix, 16),
    gateway: next === "::" ? undefined : next,
    through,
    metric: Number.parseInt(metric, 16),
  };
}

function ipv4(hex: string): string {
  return [...Buffer.from(hex, "hex").reverse()].join(".");
}

function ipv6(hex: string): string {
  // The URL parser knows the one right way to shorten an address.
  return new URL(`http://[${hex.match(/.{4}/g)?.join(":") ?? "::"}]`).hostname.slice(1, -1);
}

function contains(network: string, prefix: number, address: string): boolean {
  const bits = (text: string) => text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return Math.floor(bits(network) / 2 ** (32 - prefix)) === Math.floor(bits(address) / 2 ** (32 - prefix));
}
