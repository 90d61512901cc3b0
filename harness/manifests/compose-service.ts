// Decides what one service of a compose file is as a container of ours. Refuses, with its place, what compose knows and we do not do.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ContainerOptions } from "../model/container.ts";
import { messageOf } from "../model/errors.ts";
import type { FromImage, Recipe } from "../model/recipe.ts";
import { type MountSources, readComposeMounts } from "./compose-mount.ts";
import { readNetworks, readPorts } from "./compose-network.ts";
import { composeDuration, composeSize, interpolated, splitWords, type Values } from "./compose-value.ts";
import type { Fields, Placed } from "./placed.ts";

const known = [
  ...[
    "image",
    "command",
    "entrypoint",
    "environment",
    "env_file",
    "volumes",
    "tmpfs",
    "ports",
    "expose",
    "networks",
    "network_mode",
  ],
  ...[
    "depends_on",
    "healthcheck",
    "user",
    "group_add",
    "hostname",
    "working_dir",
    "ulimits",
    "labels",
    "restart",
    "platform",
  ],
  ...["privileged", "cap_add", "cap_drop", "read_only", "security_opt", "stop_signal", "stop_grace_period"],
  ...["mem_limit", "cpus", "pids_limit", "dns", "dns_search", "dns_opt", "extra_hosts", "devices"],
];
const unsupported: Readonly<Record<string, string>> = {
  build: "an image is made by a recipe: name it in image, and the recipe in images",
  container_name: "names are a run's own, so that two runs do not meet",
  deploy: "write mem_limit, cpus",
  scale: "a service is one container",
  profiles: "an environment is all that its file declares",
  extends: "use an anchor",
  links: "services on one network know each other by name",
  secrets: "secrets are no part of what is declared here",
  configs: "mount a file",
  logging: "logs are read from the engine",
  init: "a container runs what its image runs",
  stdin_open: "nobody types",
  tty: "nobody types",
  pull_policy: "an image that is there is not fetched again",
  volumes_from: "name the volume",
};

/** What a service has of the file around it. */
export interface ServiceSources extends MountSources {
  readonly values: Values;
  /** Networks that the file declares. */
  readonly networks: ReadonlySet<string>;
  /** Node names of services. */
  node(service: Placed, name: string): string;
  image(named: Placed, name: string): string | Recipe | FromImage;
  /** What others wait for, of this one. */
  readonly waited: { readonly healthy: boolean; readonly exited: boolean };
}

export function serviceFields(placed: Placed): Fields {
  return placed.fields(known, unsupported, "x-");
}

export function readComposeService(name: string, service: Fields, from: ServiceSources): ContainerOptions {
  const { values } = from;
  const text = (field: string) => {
    const placed = service.get(field);
    return placed === undefined ? undefined : interpolated(placed, values);
  };
  const some = <Key extends string, Made>(field: string, key: Key, make: (text: string, placed: Placed) => Made) => {
    const placed = service.get(field);
    return placed === undefined ? {} : ({ [key]: make(interpolated(placed, values), placed) } as Record<Key, Made>);
  };
  const words = (field: "entrypoint" | "command") => {
    const placed = service.get(field);
    return placed === undefined ? {} : { [field]: [...commandWords(placed, values)] };
  };
  const texts = (field: string) => {
    const placed = service.get(field);
    if (placed === undefined) return [];
    return (placed.isList ? placed.list() : [placed]).map((each) => interpolated(each, values));
  };
  const image = service.need("image");
  const health = readHealth(service, values);
  if (from.waited.healthy && health === undefined)
    service.of.refuse(
      "others wait until it is healthy, and it has no healthcheck",
      "give it one: what its image has is not known here",
    );
  for (const each of service.list("expose")) interpolated(each, values);
  const options = {
    image: from.image(image, interpolated(image, values)),
    ...words("entrypoint"),
    ...words("command"),
    ...some("user", "user", (word) => word),
    ...some("hostname", "hostname", (word) => word),
    ...some("working_dir", "workdir", (word) => word),
    ...some("platform", "platform", (word) => word),
    ...some("stop_signal", "stopSignal", (word) => (word.startsWith("SIG") ? word : `SIG${word}`)),
    ...some("stop_grace_period", "stopTimeout", composeDuration),
    ...some("mem_limit", "memory", composeSize),
    ...some("cpus", "cpus", numberOf),
    ...some("pids_limit", "pids", numberOf),
    env: readEnvironment(service, from),
    mounts: readComposeMounts(service, from),
    ports: readPorts(service, values),
    ...readNetworks(name, service, from),
    groups: service.list("group_add").map((each) => numberOf(interpolated(each, values), each)),
    dns: texts("dns"),
    dnsSearch: texts("dns_search"),
    dnsOptions: texts("dns_opt"),
    hosts: Object.fromEntries(pairs(service.get("extra_hosts"), values, /[:=]/)),
    labels: Object.fromEntries(pairs(service.get("labels"), values, /=/)),
    capabilities: { add: texts("cap_add"), drop: texts("cap_drop") },
    privileged: service.flag("privileged"),
    readOnlyRoot: service.flag("read_only"),
    noNewPrivileges: service
      .list("security_opt")
      .map((each) => noNewPrivileges(each, values))
      .includes(true),
    devices: Object.fromEntries(service.list("devices").map((each) => device(each, values))),
    ulimits: readUlimits(service, values),
    ...(health === undefined ? {} : { health }),
    after: dependencies(service).map(({ service: other, placed }) => from.node(placed, other)),
    ready: {
      ...(from.waited.healthy ? { healthy: true as const } : {}),
      ...(from.waited.exited ? { exited: true as const } : {}),
      within: "2m" as const,
    },
  };
  const restart = service.get("restart");
  const policy = text("restart") ?? "no";
  if (policy === "no") return options as ContainerOptions;
  if (policy !== "always" && policy !== "on-failure" && policy !== "unless-stopped")
    return restart?.refuse(
      `"${policy}" is not supported`,
      "there is no, always, on-failure, unless-stopped",
      "not-supported",
    ) as never;
  // Nobody starts an engine again in the middle of a run: unless stopped is always.
  return { ...options, restart: policy === "on-failure" ? policy : "always" } as ContainerOptions;
}

/** Whom a service waits for, and for what. */
export function dependencies(service: Fields) {
  const placed = service.get("depends_on");
  if (placed === undefined) return [];
  if (placed.isList)
    return placed.list().map((each) => ({ service: each.text(), condition: "service_started" as const, placed: each }));
  return placed.entries().map(([name, each]) => {
    const fields = each.fields(["condition"], {
      restart: "nothing is restarted for another",
      required: "an environment is all that its file declares",
    });
    const condition = fields
      .need("condition")
      .oneOf(["service_started", "service_healthy", "service_completed_successfully"]);
    return { service: name, condition, placed: each };
  });
}

/** Text is split as a shell splits words, and not run by one. */
function commandWords(placed: Placed, values: Values): readonly string[] {
  return placed.isList
    ? placed.list().map((each) => interpolated(each, values))
    : splitWords(interpolated(placed, values), placed);
}

function pairs(placed: Placed | undefined, values: Values, sign: RegExp): readonly (readonly [string, string])[] {
  if (placed === undefined) return [];
  if (placed.isTable)
    return placed.entries().map(([name, value]) => [name, value.isNothing ? "" : interpolated(value, values)] as const);
  return placed.list().map((each) => {
    const text = interpolated(each, values);
    const at = text.search(sign);
    return at < 0 ? ([text, ""] as const) : ([text.slice(0, at), text.slice(at + 1)] as const);
  });
}

/** A variable without a value has it from `values`, as compose takes it from its own surroundings. */
function readEnvironment(service: Fields, { values, directory }: ServiceSources): Record<string, string> {
  const env: Record<string, string> = {};
  const file = service.get("env_file");
  for (const each of file === undefined ? [] : file.isList ? file.list() : [file]) {
    if (each.isTable) each.refuse("write the path alone", undefined, "not-supported");
    Object.assign(env, envFile(resolve(directory, interpolated(each, values)), each));
  }
  const placed = service.get("environment");
  const given = (name: string, at: Placed) =>
    Object.hasOwn(values, name)
      ? (values[name] as string)
      : at.refuse(`nothing is given for ${name}`, `give it: values: { ${name}: "…" }`, "unknown-variable");
  if (placed?.isTable === true)
    for (const [name, value] of placed.entries())
      env[name] = value.isNothing ? given(name, value) : interpolated(value, values);
  else
    for (const each of placed?.list() ?? []) {
      const text = interpolated(each, values);
      const at = text.indexOf("=");
      const name = at < 0 ? text : text.slice(0, at);
      env[name] = at < 0 ? given(name, each) : text.slice(at + 1);
    }
  for (const name of Object.keys(env))
    if (!/^[A-Za-z_]\w*$/.test(name))
      (placed ?? service.of).refuse(`"${name}" is not a variable's name`, undefined, "bad-name");
  return env;
}

function envFile(path: string, placed: Placed): Record<string, string> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return placed.refuse(`${path} cannot be read: ${messageOf(error)}`, undefined, "no-manifest");
  }
  const env: Record<string, string> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [, name, value = ""] = /^\s*(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined) return placed.refuse(`${path}:${index + 1}: "${line.slice(0, 40)}" is no NAME=value`);
    const quoted = /^(["'])(.*)\1$/s.exec(value);
    env[name] = quoted?.[2] ?? value.replace(/\s+#.*$/, "");
  }
  return env;
}

function readHealth(service: Fields, values: Values): ContainerOptions["health"] {
  const fields = service
    .get("healthcheck")
    ?.fields(["test", "interval", "timeout", "retries", "start_period", "disable"], {
      start_interval: "the engine has no such time",
    });
  if (fields === undefined || fields.flag("disable")) return undefined;
  const placed = fields.need("test");
  const shell = (text: string) => ["/bin/sh", "-c", text];
  const [kind, ...words] = placed.isList
    ? placed.list().map((each) => interpolated(each, values))
    : ["CMD-SHELL", interpolated(placed, values)];
  if (kind === "NONE") return undefined;
  if ((kind !== "CMD" && kind !== "CMD-SHELL") || words[0] === undefined)
    return placed.refuse(
      "it begins with neither CMD nor CMD-SHELL",
      'write ["CMD", "curl", "-f", "http://localhost/"]',
    );
  const times = { interval: "interval", timeout: "timeout", start_period: "startPeriod" } as const;
  const said = Object.entries(times).flatMap(([field, key]) => {
    const time = fields.get(field);
    return time === undefined ? [] : [[key, composeDuration(interpolated(time, values), time)] as const];
  });
  const retries = fields.get("retries")?.integer(1);
  return {
    test: kind === "CMD" ? words : shell(words.join(" ")),
    ...Object.fromEntries(said),
    ...(retries === undefined ? {} : { retries }),
  };
}

function readUlimits(service: Fields, values: Values): ContainerOptions["ulimits"] {
  return Object.fromEntries(
    (service.get("ulimits")?.entries() ?? []).map(([name, placed]) => {
      if (!placed.isTable) return [name, numberOf(interpolated(placed, values), placed)];
      const fields = placed.fields(["soft", "hard"]);
      return [name, { soft: fields.need("soft").integer(), hard: fields.need("hard").integer() }];
    }),
  );
}

function numberOf(word: string, placed: Placed): number {
  return /^-?\d+(\.\d+)?$/.test(word) ? Number(word) : placed.refuse(`"${word}" is no number`);
}

function noNewPrivileges(placed: Placed, values: Values): boolean {
  const [, said] = /^no-new-privileges(?:[:=](true|false))?$/.exec(interpolated(placed, values)) ?? [
    undefined,
    "unknown",
  ];
  if (said === "unknown") placed.refuse("this is not supported", "there is no-new-privileges:true", "not-supported");
  return said !== "false";
}

function device(placed: Placed, values: Values): readonly [string, { path: string; rights: string }] {
  const [path = "", inside = path, rights = "rwm", more] = interpolated(placed, values).split(":");
  if (more !== undefined) placed.refuse("it has a colon too many", "write /dev/a:/dev/b:rwm");
  return [path, { path: inside, rights }];
}
