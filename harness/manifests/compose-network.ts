// Decides which networks a service is on, under which names, and which of its ports are published, on loopback unless it says where.
import type { ContainerOptions } from "../model/container.ts";
import { nodeName } from "./compose-mount.ts";
import { interpolated, type Values } from "./compose-value.ts";
import type { Fields, Placed } from "./placed.ts";

export interface NetworkSources {
  readonly values: Values;
  readonly networks: ReadonlySet<string>;
  node(service: Placed, name: string): string;
}

/** Networks of the whole file, by our names. */
export function readFileNetworks(file: Fields): Record<string, { internal: boolean; subnet?: string }> {
  const found = (file.get("networks")?.entries() ?? []).map(([name, placed]) => {
    if (placed.isNothing || !placed.isTable) return [nodeName(name), { internal: false }] as const;
    const fields = placed.fields(["driver", "internal", "ipam"], {
      external: "an environment's networks are its own",
      name: "names are a run's own",
      attachable: "nobody joins from outside",
      enable_ipv6: "addresses are IPv4",
      driver_opts: "a network is a bridge",
      labels: "labels say whose it is",
    });
    fields.only("driver", ["bridge"], "a network is a bridge");
    const ipam = fields
      .get("ipam")
      ?.fields(["config"], { driver: "addresses are the engine's", options: "addresses are the engine's" });
    const [config, second] = ipam?.list("config") ?? [];
    second?.refuse("a network has one subnet");
    const subnet = config
      ?.fields(["subnet"], { gateway: "it is the first address", ip_range: "all of the subnet is used" })
      .text("subnet");
    return [
      nodeName(name),
      { internal: fields.flag("internal"), ...(subnet === undefined ? {} : { subnet }) },
    ] as const;
  });
  return { default: { internal: false }, ...Object.fromEntries(found) };
}

export function readNetworks(
  name: string,
  service: Fields,
  from: NetworkSources,
): Pick<ContainerOptions, "networks" | "networkFrom"> {
  const mode = service.get("network_mode");
  const networks = service.get("networks");
  if (mode !== undefined) {
    networks?.refuse("network_mode and networks say two things");
    const [, other] = /^service:(.+)$/.exec(mode.text()) ?? [];
    if (other === undefined)
      return mode.refuse(`"${mode.text()}" is not supported`, 'there is "service:NAME"', "not-supported");
    return { networkFrom: from.node(mode, other) };
  }
  // A service answers to its own name, whatever its node is called.
  const named = [name];
  const on = (network: string, placed: Placed): string => {
    if (!from.networks.has(nodeName(network)))
      placed.refuse(
        `there is no network "${network}"`,
        `networks declares ${[...from.networks].join(", ")}`,
        "unknown-network",
      );
    return nodeName(network);
  };
  if (networks === undefined) return { networks: { default: { aliases: named } } };
  if (networks.isList)
    return { networks: Object.fromEntries(networks.list().map((each) => [on(each.text(), each), { aliases: named }])) };
  return {
    networks: Object.fromEntries(
      networks.entries().map(([network, placed]) => {
        if (placed.isNothing || !placed.isTable) return [on(network, placed), { aliases: named }];
        const fields = placed.fields(["aliases", "ipv4_address"], {
          priority: "networks are in the order in which they are written",
        });
        const address = fields.get("ipv4_address");
        return [
          on(network, placed),
          {
            aliases: [...named, ...fields.list("aliases").map((each) => each.text())],
            ...(address === undefined ? {} : { address: interpolated(address, from.values) }),
          },
        ];
      }),
    ),
  };
}

export function readPorts(service: Fields, values: Values): NonNullable<ContainerOptions["ports"]> {
  return service.list("ports").map((placed) => (placed.isTable ? long(placed, values) : short(placed, values)));
}

type Published = Exclude<NonNullable<ContainerOptions["ports"]>[number], number>;

function short(placed: Placed, values: Values): Published {
  const text = interpolated(placed, values);
  const match = /^(?:(?:(\d+\.\d+\.\d+\.\d+):)?(\d*):)?(\d+)(?:\/(tcp|udp))?$/.exec(text);
  if (match === null)
    return placed.refuse(`"${text}" is no port`, "write 8080:80, 127.0.0.1:8080:80/udp; ranges are not supported");
  const [, address, host = "", container, protocol] = match;
  return {
    container: portOf(container ?? "", placed),
    ...(host === "" ? {} : { host: portOf(host, placed) }),
    ...(address === undefined ? {} : { address }),
    ...(protocol === undefined ? {} : { protocol: protocol as "tcp" | "udp" }),
  };
}

function long(placed: Placed, values: Values): Published {
  const fields = placed.fields(["target", "published", "host_ip", "protocol", "name"], {
    mode: "a service is one container",
    app_protocol: "bytes are passed on as they are",
  });
  const [target, published, address] = [fields.need("target"), fields.get("published"), fields.get("host_ip")];
  return {
    container: portOf(interpolated(target, values), target),
    ...(published === undefined ? {} : { host: portOf(interpolated(published, values), published) }),
    ...(address === undefined ? {} : { address: interpolated(address, values) }),
    protocol: fields.get("protocol")?.oneOf(["tcp", "udp"]) ?? "tcp",
  };
}

function portOf(word: string, placed: Placed): number {
  const number = /^\d+$/.test(word) ? Number(word) : Number.NaN;
  return number >= 1 && number <= 65535
    ? number
    : placed.refuse(`${word} is not a port`, "write a number from 1 to 65535");
}
