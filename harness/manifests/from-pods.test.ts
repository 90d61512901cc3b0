// Decides that pods are read as they are meant, and that whatever else a file says is told with its place.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fromArchive, recipe } from "../model/recipe.ts";
import { fromPods } from "./from-pods.ts";

const here = mkdtempSync(join(tmpdir(), "assay-pods-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));

let files = 0;
function written(text: string): string {
  files += 1;
  const name = `${files}.yaml`;
  writeFileSync(join(here, name), text);
  return name;
}

const read = (text: string, options: { nodes?: Record<string, string>; images?: Record<string, string> } = {}) =>
  fromPods("stack", { context: here, files: [written(text)], ...options });

/** A pod whose one container is written as given, by six spaces. */
const pod = (container: string, spec = "") => `apiVersion: v1
kind: Pod
metadata: { name: db, labels: { app: db } }
spec:
  containers:
    - name: mongo
      image: mongo:7
${container}
${spec}`;

const service = (spec: string) => `${pod("      ports: [{ containerPort: 27017, name: wire }]")}
---
apiVersion: v1
kind: Service
metadata: { name: msg-db }
spec:
${spec}`;

describe("what is meant", () => {
  const { nodes } = read(
    `${service("  selector: { app: db }\n  ports: [{ port: 27017, name: wire-port }]")}
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { LEVEL: debug, server.conf: "port = 1\\n" }
binaryData: { seal.bin: AP8= }
---
apiVersion: v1
kind: Pod
metadata: { name: worker, namespace: default, annotations: { why: shown } }
spec:
  restartPolicy: OnFailure
  securityContext: { runAsUser: 48, supplementalGroups: [7] }
  hostAliases: [{ ip: 192.0.2.7, hostnames: [render-01] }]
  containers:
    - name: celery
      image: worker:latest
      imagePullPolicy: Never
      command: [celery, "--level=$(LEVEL)", $(NOBODY), $$(LEVEL)]
      envFrom: [{ configMapRef: { name: settings-env } }]
      env:
        - { name: URL, value: "mongodb://$(MSG_DB_SERVICE_HOST):$(MSG_DB_SERVICE_PORT)/" }
        - { name: EMPTY }
      resources: { limits: { memory: 256Mi, cpu: 1500m } }
      securityContext: { capabilities: { drop: [ALL], add: [CHOWN] }, readOnlyRootFilesystem: true }
      volumeMounts: [{ name: conf, mountPath: /etc/pulp }, { name: log, mountPath: /dev/log }, { name: mem, mountPath: /mem }]
  volumes:
    - { name: conf, configMap: { name: settings, items: [{ key: server.conf, path: pulp.conf, mode: 0600 }, { key: seal.bin, path: seal }] } }
    - { name: log, hostPath: { path: /dev/log, type: Socket } }
    - { name: mem, emptyDir: { medium: Memory, sizeLimit: 16Mi } }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings-env }
data: { LEVEL: debug }
`,
    { nodes: { worker: "worker/celery" }, images: { "worker:latest": "pulp-worker:2.4" } },
  );

  test("a pod is the node that holds its network, and one for each container", () => {
    expect(Object.keys(nodes)).toEqual(["db-pod", "db-mongo", "worker-pod", "worker"]);
    expect(nodes).toMatchObject({
      "db-pod": {
        idle: true,
        hostname: "db",
        networks: {
          pods: { aliases: ["msg-db", "msg-db.default", "msg-db.default.svc", "msg-db.default.svc.cluster.local"] },
        },
      },
      "db-mongo": { image: "mongo:7", networkFrom: "db-pod", restart: "always", networks: [] },
      "worker-pod": { hosts: { "render-01": "192.0.2.7" } },
      worker: { image: "pulp-worker:2.4", restart: "on-failure" },
    });
  });

  test("rights, limits and words", () => {
    expect(nodes["worker"]).toMatchObject({
      user: "48",
      groups: [7],
      memory: 268_435_456,
      cpus: 1.5,
      readOnlyRoot: true,
      capabilities: { add: ["CHOWN"], drop: ["ALL"] },
      entrypoint: ["celery", "--level=debug", "$(NOBODY)", "$(LEVEL)"],
      command: [],
    });
  });

  test("variables of services are before its own, and addresses are the engine's to give", () => {
    const host = { addressOf: "db-pod" };
    expect(nodes["worker"]).toMatchObject({
      env: {
        MSG_DB_SERVICE_HOST: { text: [host] },
        MSG_DB_SERVICE_PORT: "27017",
        MSG_DB_SERVICE_PORT_WIRE_PORT: "27017",
        MSG_DB_PORT: { text: ["tcp://", host, ":27017"] },
        MSG_DB_PORT_27017_TCP_PROTO: "tcp",
        LEVEL: "debug",
        URL: { text: ["mongodb://", host, ":27017/"] },
        EMPTY: "",
      },
    });
  });

  test("volumes: a ConfigMap's files, a socket of this machine's, memory", () => {
    expect(nodes["worker"]).toMatchObject({
      mounts: {
        "/etc/pulp": {
          mount: "scratch",
          readOnly: true,
          files: {
            "pulp.conf": { content: "port = 1\n", encoding: "utf8", mode: 0o600 },
            seal: { content: "AP8=", encoding: "base64", mode: 0o644 },
          },
        },
        "/dev/log": { mount: "bind", source: "/dev/log", is: "socket" },
        "/mem": { mount: "tmpfs", size: 16_777_216 },
      },
    });
  });

  test("each node is declared where it is written", () => {
    expect((nodes as Record<string, { at?: string }>)["worker"]?.at).toMatch(/\.yaml:32:13$/);
  });
});

const bomb = `apiVersion: v1
kind: ConfigMap
metadata: { name: bomb }
data:
  a: &a [x, x, x, x, x, x, x, x, x, x]
  b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
  c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
  d: [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
`;

describe("what is refused, with file, line and column", () => {
  test.each<readonly [string, string, string, RegExp]>([
    ["no YAML", "kind: [", "1:8", /./],
    ["a duplicate key", pod("      image: b"), "8:7", /unique/],
    ["a tag that nobody knows", pod("      command: !shell x"), "8:16", /tag/i],
    ["aliases that multiply", bomb, "1:1", /aliases that multiply/],
    ["an alias of nothing", pod("      command: *x"), "8:16", /alias|anchor/i],
    ["no kind", "apiVersion: v1", "1:1", /it has no kind/],
    [
      "another kind",
      "apiVersion: apps/v1\nkind: Deployment",
      "2:7",
      /apps\/v1 Deployment is not supported; there is Pod/,
    ],
    ["an old apiVersion", pod("").replace("v1", "v1beta1"), "1:13", /"v1beta1" is not supported; Pod is of v1/],
    ["a misspelt field", pod("      comand: [a]"), "8:15", /comand: there is no such field; did you mean "command"\?/],
    ["a field of clusters", pod("", "  nodeSelector: { disk: ssd }"), "9:17", /not supported: there is no cluster/],
    ["a name with dots", pod("").replace("name: db", "name: db.example"), "3:19", /"db.example" is no name here/],
    [
      "two pods of one name",
      `${pod("")}---\n${pod("")}`,
      "12:19",
      /there is a manifest "Pod db" already; the other is at/,
    ],
    [
      "two namespaces",
      `${pod("")}---\n${pod("").replace("name: db", "name: b, namespace: x")}`,
      "12:19",
      /namespace x/,
    ],
    [
      "text that is a number",
      pod("      env: [{ name: PORT, value: 8080 }]"),
      "8:34",
      /expected text, and it is number 8080; put it in quotes/,
    ],
    ["text that is a truth", pod("      env: [{ name: FLAG, value: yes }]"), "8:34", /boolean yes; put it in quotes/],
    ["a table that is a list", pod("      resources: []"), "8:18", /expected a table, and it is a list/],
    ["a list that is a table", pod("      env: { A: b }"), "8:12", /expected a list, and it is a table/],
    ["a variable's name", pod("      env: [{ name: 9X, value: a }]"), "8:21", /"9X" is not a variable's name/],
    ["a variable twice", pod("      env: [{ name: A }, { name: A }]"), "8:34", /there is a variable "A" already/],
    [
      "a wrong unit of memory",
      pod("      resources: { limits: { memory: 256MB } }"),
      "8:38",
      /"MB" is no unit of a quantity, did you mean "M"\?/,
    ],
    [
      "thousandths of bytes",
      pod("      resources: { limits: { memory: 256m } }"),
      "8:38",
      /thousandths of bytes; write 256Mi/,
    ],
    ["less memory than there is", pod("      resources: { limits: { memory: 1Mi } }"), "8:38", /6Mi is the least/],
    [
      "a wrong unit of processors",
      pod("      resources: { limits: { cpu: 500Mi } }"),
      "8:35",
      /500Mi is more processors than there are/,
    ],
    ["less than nothing", pod("      resources: { limits: { cpu: -1 } }"), "8:35", /less than nothing/],
    ["a request alone", pod("      resources: { requests: { cpu: 1 } }"), "8:37", /without a limit counts for nothing/],
    [
      "a request above its limit",
      pod("      resources: { requests: { cpu: 2 }, limits: { cpu: 1 } }"),
      "8:37",
      /more than the limit, 1/,
    ],
    [
      "a mount without a volume",
      pod("      volumeMounts: [{ name: data, mountPath: /data }]"),
      "8:30",
      /the pod has no volume "data"; it has none/,
    ],
    ["a volume without a source", pod("", "  volumes: [{ name: data }]"), "9:21", /"data" has no source/],
    [
      "a volume of a secret",
      pod("", "  volumes: [{ name: d, secret: { secretName: x } }]"),
      "9:32",
      /not supported: a volume is emptyDir/,
    ],
    [
      "a claim that nobody declares",
      pod("", "  volumes: [{ name: d, persistentVolumeClaim: { claimName: x } }]"),
      "9:60",
      /there is no PersistentVolumeClaim "x"/,
    ],
    [
      "a host path to be made",
      pod("", "  volumes: [{ name: d, hostPath: { path: /a, type: DirectoryOrCreate } }]"),
      "9:52",
      /nothing is made on this machine/,
    ],
    [
      "two mounts at one path",
      pod(
        "      volumeMounts: [{ name: d, mountPath: /d }, { name: d, mountPath: /d }]",
        "  volumes: [{ name: d, emptyDir: {} }]",
      ),
      "8:72",
      /mounted at \/d already/,
    ],
    [
      "a service that selects nothing",
      service("  selector: { app: web }\n  ports: [{ port: 27017 }]"),
      "15:13",
      /no pod has the labels app=web; db has app=db/,
    ],
    [
      "a service's port that nobody has",
      service("  selector: { app: db }\n  ports: [{ port: 80 }]"),
      "16:19",
      /80\/tcp is no port of pod db's containers; they declare 27017\/tcp \(wire\)/,
    ],
    [
      "a service's port that is another",
      service("  selector: { app: db }\n  ports: [{ port: 80, targetPort: wire }]"),
      "16:35",
      /nothing translates ports here/,
    ],
    [
      "a service of a load balancer",
      service("  type: LoadBalancer\n  selector: { app: db }\n  ports: [{ port: 27017 }]"),
      "15:9",
      /LoadBalancer is not supported/,
    ],
    [
      "two probes in one",
      pod("      readinessProbe: { exec: { command: [a] }, tcpSocket: { port: 1 } }"),
      "8:60",
      /exec already/,
    ],
    [
      "a probe's port by an unknown name",
      pod("      readinessProbe: { tcpSocket: { port: http } }"),
      "8:44",
      /"http" is no port of the container's/,
    ],
    ["a port out of range", pod("      ports: [{ containerPort: 70000 }]"), "8:32", /70000 is not from 1 to 65535/],
    [
      "a capability with its prefix",
      pod("      securityContext: { capabilities: { add: [CAP_CHOWN] } }"),
      "8:48",
      /write CHOWN/,
    ],
    [
      "a capability that does not exist",
      pod("      securityContext: { capabilities: { add: [CHWON] } }"),
      "6:13",
      /did you mean "CHOWN"\?/,
    ],
    [
      "an address in a command",
      `${service("  selector: { app: db }\n  ports: [{ port: 27017 }]")}\n---\n${pod("      args: [$(MSG_DB_SERVICE_HOST)]").replaceAll("db", "web")}`,
      "25:14",
      /an address in a command is not supported/,
    ],
    [
      "a policy that does not exist",
      pod("", "  restartPolicy: always"),
      "9:18",
      /none of Always, OnFailure, Never; did you mean "Always"\?/,
    ],
    ["the host's network", pod("", "  hostNetwork: true"), "9:16", /a pod has a network of its own/],
    [
      "no container",
      "apiVersion: v1\nkind: Pod\nmetadata: { name: a }\nspec: { containers: [] }",
      "4:21",
      /a container at least/,
    ],
    ["no pod", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }", "", /there is no Pod/],
  ])("%s", (_, text, place, said) => {
    let thrown: unknown;
    try {
      read(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ name: "DeclarationError", message: expect.stringMatching(said) });
    if (place !== "") expect((thrown as { at: string }).at).toBe(`${join(here, `${files}.yaml`)}:${place}`);
  });

  test("names for containers and images that are not there, with what was probably meant", () => {
    expect(() => read(pod(""), { nodes: { db: "db/mongod" } })).toThrow(
      /no such container; did you mean "db\/mongo"\?/,
    );
    expect(() => read(pod(""), { images: { "mongo:8": "x" } })).toThrow(
      /nothing is called "mongo:8"; did you mean "mongo:7"\?/,
    );
    const none = () => fromPods("a", { context: here, files: ["*.yml"] });
    expect(none).toThrow(/no file below .* is called "\*\.yml"/);
    expect(() => fromPods("a", { context: here, files: ["none.yaml"] })).toThrow(/cannot be read: ENOENT/);
  });

  test("a recipe stands for an image's name", () => {
    const own = recipe("own", { version: "1", from: fromArchive("x.tar"), context: here });
    expect(fromPods("a", { context: here, files: [written(pod(""))], images: { "mongo:7": own } }).nodes).toMatchObject(
      {
        "db-mongo": { image: own },
      },
    );
  });

  test("whatever is cut off or changed in a lawful file is read or refused, and nothing else", () => {
    const whole = service("  selector: { app: db }\n  ports: [{ port: 27017 }]");
    const marks = ["", "{", "]", ": ", "\n- ", "&a ", "*a", "\t", "0", "null", "\0", "\uFEFF", "- - - ", "<<: *a\n"];
    for (let end = 0; end < whole.length; end += 7)
      for (const mark of marks)
        try {
          read(whole.slice(0, end) + mark + whole.slice(end + 3));
        } catch (error) {
          expect(error).toMatchObject({ name: "DeclarationError" });
        }
  });
});
