// Decides which sentences can be said about a node's network: interfaces, routes, and whether an address can be reached from it.
import { isIP } from "node:net";
import type { Node } from "../model/node.ts";
import { canonicalAddress, canonicalNetwork } from "./ip-address.ts";
import { type InterfaceFacts, interfaceFacts, type Route, routes } from "./network-facts.ts";
import { about, requireSubject, verdict } from "./question.ts";
import { type Reach, reachable } from "./reach.ts";

/**
 * A network interface, in the node's network namespace.
 * @example await expect(box).toMeet(all(networkInterface("eth0").isUp(), networkInterface("eth0").hasMtu(1500)));
 */
export function networkInterface(name: string) {
  requireSubject(/^[^\s/:]{1,15}$/.test(name), `"${name}" is not an interface's name`, 'write it as in "eth0"');
  const ask = about<Node, InterfaceFacts | undefined>({
    subject: `interface ${name}`,
    command: `ip addr show dev ${name}`,
    observe: (node) => node.observe(interfaceFacts, name),
  });
  return {
    exists: () => ask("exists", (seen) => verdict(seen !== undefined, "an interface", sayInterface(seen))),
    /** Switched on and, where it has one, with a carrier. Loopback counts as up, though the kernel calls it `unknown`. */
    isUp: () => ask("is up", (seen) => verdict(seen?.up === true, "up", sayInterface(seen))),
    hasMtu: (bytes: number) =>
      ask(`has MTU ${bytes}`, (seen) => verdict(seen?.mtu === bytes, String(bytes), sayInterface(seen))),
    /** In whichever case. @example networkInterface("eth0").hasMac("02:00:00:00:00:01") */
    hasMac: (mac: string) =>
      ask(`has MAC ${mac}`, (seen) => verdict(seen?.mac.toLowerCase() === mac.toLowerCase(), mac, sayInterface(seen))),
    /** Megabits a second, as its driver says; of one that does not say, it is not met. @example networkInterface("eth0").hasSpeed(1000) */
    hasSpeed: (megabits: number) =>
      ask(`has speed ${megabits} Mb/s`, (seen) =>
        verdict(
          seen?.speed === megabits,
          `${megabits} Mb/s`,
          seen !== undefined && seen.speed === undefined ? "its driver does not say" : sayInterface(seen),
        ),
      ),
    /** Is a part of this bridge, bond, team or VRF. @example networkInterface("eth1").isPartOf("bond0") */
    isPartOf: (master: string) =>
      ask(`is part of ${master}`, (seen) => verdict(seen?.master === master, master, sayInterface(seen))),
    /** Has this address; where a prefix is written, with this prefix. @example networkInterface("eth0").hasAddress("10.0.0.7/24") */
    hasAddress(address: string) {
      const [bare = "", prefix] = address.split("/");
      requireSubject(
        isIP(bare) !== 0 && (prefix === undefined || /^\d{1,3}$/.test(prefix)),
        `"${address}" is not an address`,
        'write an IP address, with its prefix or without, as in "10.0.0.7/24"',
      );
      return ask(`has address ${address}`, (seen) =>
        verdict(
          seen?.addresses.some(
            (each) =>
              canonicalNetwork(prefix === undefined ? (each.split("/")[0] ?? "") : each) === canonicalNetwork(address),
          ) === true,
          address,
          sayInterface(seen),
        ),
      );
    },
  };
}

/**
 * A route of the main table, by its destination: `default`, or a network with its prefix. `default` is IPv4's, `default6` IPv6's.
 * @example await expect(box).toMeet(route("default").isVia("10.0.0.1"));
 * @example await expect(box).not.toMeet(route("192.168.0.0/16").exists());
 */
export function route(destination: string) {
  const wanted = destination === "default" ? "0.0.0.0/0" : destination === "default6" ? "::/0" : destination;
  const [network = "", prefix = ""] = wanted.split("/");
  requireSubject(
    isIP(network) !== 0 && /^\d{1,3}$/.test(prefix),
    `"${destination}" is not a route's destination`,
    'write "default", or a network with its prefix, as in "10.0.0.0/24"',
  );
  const ask = about<Node, readonly Route[]>({
    subject: `route to ${destination}`,
    command: `ip ${isIP(network) === 6 ? "-6 " : ""}route show ${destination}`,
    async observe(node) {
      const table = await node.observe(routes, "all");
      return table.filter(
        (each) => canonicalAddress(each.destination) === canonicalAddress(network) && each.prefix === Number(prefix),
      );
    },
  });
  return {
    exists: () => ask("exists", (seen) => verdict(seen.length > 0, "a route", sayRoutes(seen))),
    /** By this gateway. Of several routes to one destination, one that is. */
    isVia: (gateway: string) =>
      ask(`is via ${gateway}`, (seen) =>
        verdict(
          seen.some((each) => canonicalAddress(each.gateway ?? "") === canonicalAddress(gateway)),
          gateway,
          sayRoutes(seen),
        ),
      ),
    /** By this interface. */
    isThrough: (name: string) =>
      ask(`is through ${name}`, (seen) =>
        verdict(
          seen.some((each) => each.through === name),
          name,
          sayRoutes(seen),
        ),
      ),
  };
}

export interface AddressOptions {
  /** One of the node's own addresses, from which it is tried. One that it does not have is an error. Needs python3 or perl. */
  readonly from?: string;
}

/**
 * Whether something accepts TCP connections there, tried for real from inside the node. Nobody there, a refusal and silence for
 * two seconds are "no"; a name that no name server answers for is no answer.
 * @example await expect(box).toMeet(address("db:5432").isReachable(), { within: "10s" });
 * @example await expect(box).not.toMeet(address("[fd00::1]:22", { from: "fd00::7" }).isReachable());
 */
export function address(target: string, { from }: AddressOptions = {}) {
  const [, bracketed, plain, port = ""] = /^(?:\[([^\]]+)\]|([^\s:[\]]+)):(\d+)$/.exec(target) ?? [];
  const host = bracketed ?? plain ?? "";
  requireSubject(
    host !== "" &&
      !host.startsWith("-") &&
      (bracketed === undefined || isIP(bracketed) === 6) &&
      Number(port) >= 1 &&
      Number(port) <= 65535,
    `"${target}" is not an address with a port`,
    'write host:port, as in "db:5432" or "[fd00::1]:22"',
  );
  requireSubject(
    from === undefined || isIP(from) !== 0,
    `"${from}" is not an address`,
    'write an IP address of the node, as in "10.0.0.7"',
  );
  const ask = about<Node, Reach>({
    subject: `address ${target}${from === undefined ? "" : ` from ${from}`}`,
    command: `nc -z -w 2 ${from === undefined ? "" : `-s ${from} `}${host} ${port}`,
    observe: (node) => node.observe(reachable, [host, port, ...(from === undefined ? [] : [from])].join(" ")),
  });
  return {
    isReachable: () => ask("is reachable", (seen) => verdict(seen.reached, "a connection", seen.said)),
  };
}

function sayInterface(seen: InterfaceFacts | undefined): string {
  if (seen === undefined) return "there is no such interface";
  const { state, up, mtu, mac, speed, master, addresses } = seen;
  const more = `${speed === undefined ? "" : `, ${speed} Mb/s`}${master === undefined ? "" : `, part of ${master}`}`;
  return `${state}${up ? "" : " (not up)"}, mtu ${mtu}, ${mac || "no MAC"}${more}, ${addresses.join(", ") || "no address"}`;
}

function sayRoutes(seen: readonly Route[]): string {
  const told = seen.map(
    ({ gateway, through }) => `${gateway === undefined ? "on the link" : `via ${gateway}`} through ${through}`,
  );
  return told.join("; ") || "there is no such route";
}
