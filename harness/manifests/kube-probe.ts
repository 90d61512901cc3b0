// Decides what a container's probes are here: conditions that all have to hold before it is ready. Refuses to go on asking afterwards: what
// a container is later, a spec asks.
import { all } from "../checks/all.ts";
import { command } from "../checks/command.ts";
import { httpExchange } from "../checks/http-exchange.ts";
import { httpRequest } from "../checks/http-request.ts";
import { port } from "../checks/port.ts";
import type { Check } from "../model/check.ts";
import type { Duration } from "../model/duration.ts";
import type { ContainerNode } from "../model/node.ts";
import type { Fields, Placed } from "./placed.ts";

/** A port that a container declares. */
export interface ContainerPort {
  readonly name: string | undefined;
  readonly port: number;
}

export interface Ready {
  /** Where a port is all that is asked for. */
  readonly port?: number;
  readonly check?: Check<ContainerNode>;
  readonly within: Duration;
}

const probes = ["startupProbe", "readinessProbe", "livenessProbe"] as const;

/** How long a container has at least to become ready; more where its probes give it more. */
const leastWithinMs = 60_000;

export function readProbes(container: Fields, ports: readonly ContainerPort[]): Ready {
  const found = probes.flatMap((name) => {
    const placed = container.get(name);
    return placed === undefined ? [] : [readProbe(placed, ports)];
  });
  const within: Duration = `${Math.max(leastWithinMs, ...found.map(({ withinMs }) => withinMs))}ms`;
  const checks = found.map(({ check }) => check);
  const [only] = checks;
  const [first] = found;
  if (found.length === 1 && first?.listens !== undefined) return { port: first.listens, within };
  if (only === undefined) return { within };
  return { check: checks.length === 1 ? only : all(...checks), within };
}

const kinds = ["exec", "tcpSocket", "httpGet"] as const;

interface Probed {
  readonly check: Check<ContainerNode>;
  readonly withinMs: number;
  /** The TCP port that is all it asks for. */
  readonly listens?: number;
}

function readProbe(placed: Placed, ports: readonly ContainerPort[]): Probed {
  const times = ["initialDelaySeconds", "periodSeconds", "timeoutSeconds", "failureThreshold", "successThreshold"];
  const fields = placed.fields([...kinds, ...times], {
    grpc: "a probe is exec, tcpSocket or httpGet",
    terminationGracePeriodSeconds: "nothing is ended by a probe",
  });
  const number = (name: string, usual: number, least: number) => fields.get(name)?.integer(least, 86_400) ?? usual;
  const timeoutMs = number("timeoutSeconds", 1, 1) * 1000;
  number("successThreshold", 1, 1);
  const withinMs =
    1000 * (number("initialDelaySeconds", 0, 0) + number("periodSeconds", 10, 1) * number("failureThreshold", 3, 1));
  const [kind, second] = kinds.filter((each) => fields.get(each) !== undefined);
  if (kind === undefined) return placed.refuse("it asks nothing", `there is ${kinds.join(", ")}`);
  if (second !== undefined) fields.need(second).refuse(`it is ${kind} already: a probe is one question`);
  const asked = fields.need(kind);
  if (kind === "exec") return { check: exec(asked, timeoutMs), withinMs };
  if (kind === "httpGet") return { check: httpGet(asked, ports, timeoutMs), withinMs };
  const socket = asked.fields(["port"], { host: "the pod is asked" });
  const listens = portOf(socket.need("port"), ports);
  return { check: port(listens).isListening(), withinMs, listens };
}

function exec(asked: Placed, timeoutMs: number): Check<ContainerNode> {
  const words = asked.fields(["command"]).need("command");
  const [first, ...rest] = words.texts();
  if (first === undefined) return words.refuse("it has no word");
  return command([first, ...rest], { timeoutMs }).exits(0);
}

function portOf(placed: Placed, ports: readonly ContainerPort[]): number {
  if (!placed.isText) return placed.integer(1, 65535);
  const found = ports.find(({ name }) => name === placed.text());
  if (found !== undefined) return found.port;
  const known = ports.flatMap(({ name }) => name ?? []).join(", ");
  return placed.refuse(
    `"${placed.text()}" is no port of the container's`,
    `it names ${known || "none"}`,
    "unknown-port",
  );
}

/** Asked of the pod's own address, as the kubelet does: who listens on loopback alone is not ready. */
function httpGet(asked: Placed, ports: readonly ContainerPort[], timeoutMs: number): Check<ContainerNode> {
  const fields = asked.fields(["path", "port", "scheme", "httpHeaders"], { host: "the pod is asked" });
  const number = portOf(fields.need("port"), ports);
  const path = fields.text("path") ?? "/";
  if (!/^\/[^\s\0]*$/.test(path)) fields.need("path").refuse(`"${path}" is no path of a URL`, "write it from /");
  const scheme = fields.get("scheme")?.oneOf(["HTTP", "HTTPS"]) === "HTTPS" ? "https" : "http";
  const headers = Object.fromEntries(
    fields.list("httpHeaders").map((header) => {
      const of = header.fields(["name", "value"]);
      return [of.need("name").text(), of.need("value").text()];
    }),
  );
  const request = (host: string) =>
    httpRequest(`${scheme}://${host}:${number}${path}`, { headers, insecure: true, timeout: `${timeoutMs}ms` });
  asked.declare(() => request("127.0.0.1"));
  return {
    title: `${scheme} port ${number} answers GET ${path} with 200 to 399`,
    command: `curl -ik ${scheme}://POD:${number}${path}`,
    observe: (node) => node.observe(httpExchange, request(node.address())),
    judge(seen: unknown) {
      const answer = seen as Awaited<ReturnType<ContainerNode["observe"]>> & ({ status: number } | { refused: string });
      const expected = "a status from 200 to 399";
      if ("refused" in answer) return { met: false, expected, seen: `no answer: ${answer.refused}` };
      return { met: answer.status >= 200 && answer.status < 400, expected, seen: String(answer.status) };
    },
  };
}
