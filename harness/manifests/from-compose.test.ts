// Decides that a compose file is read as it is meant, from given values alone, and that whatever else it says is told with its place.
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: that is how compose writes its variables
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { fromCompose } from "./from-compose.ts";

const here = mkdtempSync(join(tmpdir(), "assay-compose-"));
afterAll(() => rmSync(here, { recursive: true, force: true }));

const read = (text: string, values: Record<string, string> = {}) => {
  writeFileSync(join(here, "compose.yaml"), text);
  return fromCompose("stack", { context: here, file: "compose.yaml", values });
};

describe("what is meant", () => {
  writeFileSync(join(here, "pulp.env"), "# settings\nLEVEL=debug\nexport NAME='pulp one'\n\nPLAIN = a b # why\n");
  const { nodes, networks, volumes } = read(
    `name: pulp
x-common: &common
  restart: unless-stopped
  stop_grace_period: 1m30s
  ulimits: { nofile: 512, nproc: { soft: 100, hard: 200 } }
services:
  db:
    <<: *common
    image: mongo:\${TAG:-7}
    restart: "no"
    expose: ["27017"]
    volumes: ["data:/data/db", "./conf:/etc/mongo:ro,z", { type: tmpfs, target: /run, tmpfs: { size: 16mb, mode: "1777" } }]
    healthcheck: { test: "mongosh --eval 1", interval: 500ms, retries: 3, start_period: 1s }
    networks: { back_end: { aliases: [database], ipv4_address: 10.99.0.7 } }
  migrate:
    image: pulp
    command: pulp-manage-db --dry "a b" 'c$$d' e\\ f
    environment: { DB: "\${DB_HOST:?say where}", COUNT: 3, GIVEN: }
    env_file: pulp.env
    depends_on: { db: { condition: service_healthy } }
    networks: [back_end]
  web_1:
    <<: *common
    image: pulp
    entrypoint: ["/run.sh"]
    environment: ["A=b=c", GIVEN]
    depends_on: { migrate: { condition: service_completed_successfully }, db: { condition: service_started } }
    ports: ["8080", "127.0.0.2:8443:443/tcp", { target: 53, protocol: udp }]
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
    mem_limit: 512m
    cpus: "0.5"
    user: "48:48"
    tmpfs: /tmp:size=8m,mode=1777
    extra_hosts: ["render:192.0.2.7"]
  sidecar: { image: pulp, network_mode: "service:web_1" }
networks: { back_end: { internal: true, ipam: { config: [{ subnet: 10.99.0.0/24 }] } } }
volumes: { data: }
`,
    { DB_HOST: "db", GIVEN: "from values" },
  );

  test("services are nodes, with what they wait for", () => {
    expect(Object.keys(nodes)).toEqual(["db", "migrate", "web-1", "sidecar"]);
    expect(nodes).toMatchObject({
      db: {
        image: "mongo:7",
        ready: { healthy: true },
        health: { test: ["/bin/sh", "-c", "mongosh --eval 1"], interval: 500 },
      },
      migrate: { after: ["db"], ready: { exited: true } },
      "web-1": { after: ["migrate", "db"], restart: "always", stopTimeout: 90_000 },
      sidecar: { networkFrom: "web-1", networks: [] },
    });
    expect((nodes as Record<string, { restart?: string }>)["db"]?.restart).toBeUndefined();
  });

  test("words, variables and files of them", () => {
    expect(nodes).toMatchObject({
      migrate: {
        command: ["pulp-manage-db", "--dry", "a b", "c$d", "e f"],
        env: { LEVEL: "debug", NAME: "pulp one", PLAIN: "a b", DB: "db", COUNT: "3", GIVEN: "from values" },
      },
      "web-1": { entrypoint: ["/run.sh"], env: { A: "b=c", GIVEN: "from values" } },
    });
  });

  test("networks, mounts, ports, rights", () => {
    expect(networks).toMatchObject({ "back-end": { internal: true, subnet: "10.99.0.0/24" }, default: {} });
    expect(Object.keys(volumes)).toEqual(["data"]);
    expect(nodes).toMatchObject({
      db: {
        networks: { "back-end": { aliases: ["db", "database"], address: "10.99.0.7" } },
        mounts: {
          "/data/db": { mount: "volume", volume: "data" },
          "/etc/mongo": { mount: "bind", source: join(here, "conf"), readOnly: true, selinux: "z" },
          "/run": { mount: "tmpfs", size: 16_777_216, mode: 0o1777 },
        },
        ulimits: { nofile: 512, nproc: { soft: 100, hard: 200 } },
      },
      "web-1": {
        networks: { default: { aliases: ["web_1"] } },
        ports: [
          { container: 8080, address: "127.0.0.1" },
          { container: 443, host: 8443, address: "127.0.0.2", protocol: "tcp" },
          { container: 53, protocol: "udp" },
        ],
        memory: 536_870_912,
        cpus: 0.5,
        user: "48:48",
        noNewPrivileges: true,
        mounts: { "/tmp": { mount: "tmpfs", size: 8_388_608, mode: 0o1777 } },
        hosts: { render: "192.0.2.7" },
      },
    });
  });

  test("this machine's own variables are not read", () => {
    expect(() => read("services: { a: { image: $PATH } }")).toThrow(/nothing is given for \$\{PATH\}/);
    expect(read("services: { a: { image: '${PATH-none}' } }").nodes).toMatchObject({ a: { image: "none" } });
    expect(read("services: { a: { image: 'a${X:+b}${Y+c}${Z:-d${X}}' } }", { X: "1", Y: "" }).nodes).toMatchObject({
      a: { image: "abcd1" },
    });
  });
});

const bomb = `services: { a: { image: b } }
x-a: &a [x, x, x, x, x, x, x, x, x, x]
x-b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
x-c: [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
`;
const service = (text: string) => `services:\n  web:\n    image: a\n${text}`;

describe("what is refused, with file, line and column", () => {
  test.each<readonly [string, string, string, RegExp]>([
    ["no YAML", "services: {", "1:12", /./],
    ["a duplicate key", service("    image: b"), "4:5", /unique/],
    ["aliases that multiply", bomb, "1:1", /aliases that multiply/],
    ["an unknown key of the file", "services: {}\nvolume: {}", "2:9", /did you mean "volumes"\?/],
    ["an unknown key of a service", service("    comand: a"), "4:13", /did you mean "command"\?/],
    ["a build", service("    build: ."), "4:12", /an image is made by a recipe/],
    ["no image", "services: { web: { user: a } }", "1:18", /it has no image/],
    [
      "a variable that nothing is given for",
      service("    user: $WHO"),
      "4:11",
      /nothing is given for \$\{WHO\}; give it: values/,
    ],
    ["one that is wanted", service("    user: ${WHO:?who runs it}"), "4:11", /who runs it/],
    ["no variable", service("    user: ${9}"), "4:11", /is no variable/],
    ["a quote that is not closed", service("    command: echo 'a"), "4:14", /a quote in it is not closed/],
    ["a volume that nobody declares", service("    volumes: ['data:/d']"), "4:15", /there is no volume "data"/],
    ["an anonymous volume", service("    volumes: [/d]"), "4:15", /anonymous/],
    ["a mount's unknown flag", service("    volumes: ['./a:/d:delegated']"), "4:15", /"delegated" is not supported/],
    ["a range of ports", service("    ports: ['8000-8010:8000-8010']"), "4:13", /ranges are not supported/],
    ["a port out of range", service("    ports: ['80:70000']"), "4:13", /70000 is not a port/],
    ["a network that nobody declares", service("    networks: [back]"), "4:16", /there is no network "back"/],
    ["the host's network", service("    network_mode: host"), "4:19", /"host" is not supported/],
    [
      "a dependency that is not there",
      service("    depends_on: [dbb]\n  db: { image: a }"),
      "4:18",
      /there is no service "dbb"; did you mean "db"\?/,
    ],
    [
      "a condition that is none",
      service("    depends_on: { web: { condition: healthy } }"),
      "4:37",
      /none of service_started/,
    ],
    [
      "healthy without a check",
      service("    depends_on: { db: { condition: service_healthy } }\n  db: { image: a }"),
      "5:7",
      /no healthcheck/,
    ],
    ["a circle", service("    depends_on: [web]"), "3:5", /wait for each other/],
    ["a wrong unit of memory", service("    mem_limit: 256Mi"), "4:16", /"256Mi" is not a size/],
    ["a wrong time", service("    stop_grace_period: 5 minutes"), "4:24", /is not a duration/],
    ["a capability that does not exist", service("    cap_add: [NETADMIN]"), "3:5", /did you mean "NET_ADMIN"\?/],
    ["a container's own name", service("    container_name: web"), "4:21", /names are a run's own/],
    [
      "an external network",
      `${service("")}networks: { a: { external: true } }`,
      "4:28",
      /an environment's networks are its own/,
    ],
  ])("%s", (_, text, place, said) => {
    let thrown: unknown;
    try {
      read(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toMatchObject({ name: "DeclarationError", message: expect.stringMatching(said) });
    expect((thrown as { at: string }).at).toBe(`${join(here, "compose.yaml")}:${place}`);
  });

  test("two services that are one node", () => {
    expect(() => read("services: { a_b: { image: x }, a.b: { image: x } }")).toThrow(/there is a node "a-b" already/);
  });
});
