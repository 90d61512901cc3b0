import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { machineTools } from "./machine-tools.ts";
import { planSetup, type SetupFacts, sayStep } from "./plan.ts";
import type { DockerFacts } from "./plan-docker.ts";
import type { LibvirtSetupFacts } from "./plan-libvirt.ts";
import { mayRaiseLimits, type PodmanFacts, podmanSettingsText, podmanTools } from "./plan-podman.ts";
import { tools } from "./tools.ts";

const at = "/var/run/docker.sock";
const docker: DockerFacts = {
  engine: { state: "answers", at, version: "20.10.24", api: "1.41" },
  dockerHost: undefined,
  program: "/usr/sbin/dockerd",
  pid: undefined,
  appArmorParserMissing: false,
  cgroups: true,
};
const libvirt: LibvirtSetupFacts = {
  system: true,
  supported: true,
  listens: true,
  logs: true,
  program: "/usr/sbin/libvirtd",
  missing: [],
  closed: [],
  letIn: undefined,
  binding: undefined,
};
const ready: SetupFacts = { uid: 0, systemd: true, aptGet: true, missing: [], docker, libvirt };
const absent = { state: "absent", at, seen: "no such socket" } as const;
const mmdebstrap = tools.filter(({ name }) => name === "mmdebstrap");
const grub = machineTools.filter(({ name }) => name.includes("/grub/"));
const apt = "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600";
const update = `${apt} -o APT::Update::Error-Mode=any update`;
const install = `${apt} install --yes --no-install-recommends --no-remove`;
const dockerd = "sh -c 'setsid /usr/sbin/dockerd >>/state/dockerd.log 2>&1 &'";
const down = { listens: false, logs: false };

interface Found extends Partial<Omit<SetupFacts, "docker" | "libvirt">> {
  readonly docker?: Partial<DockerFacts>;
  readonly libvirt?: Partial<LibvirtSetupFacts>;
}

function plan(found: Found) {
  return planSetup({
    ...ready,
    ...found,
    docker: { ...docker, ...found.docker },
    libvirt: { ...libvirt, ...found.libvirt },
  });
}

function commands(found: Found): readonly string[] {
  const planned = plan(found);
  return planned.blocked === undefined
    ? planned.steps.map((step) => sayStep(step, "/state/dockerd.log"))
    : [planned.blocked.seen];
}

test.each<[string, Found, readonly string[]]>([
  ["all there", {}, []],
  ["all there, for a user without root", { uid: 1000 }, []],
  ["a tool missing", { missing: mmdebstrap }, [update, `${install} mmdebstrap`]],
  ["engine stopped under systemd", { docker: { engine: absent } }, ["systemctl start docker"]],
  ["engine stopped, no systemd", { docker: { engine: absent }, systemd: false }, [dockerd]],
  ["engine just starting", { docker: { engine: absent, pid: 41 } }, ["docker version"]],
  [
    "a kernel that confines by AppArmor, and no parser",
    { docker: { engine: absent, program: undefined, appArmorParserMissing: true } },
    [update, `${install} docker.io apparmor`, "systemctl start docker"],
  ],
  [
    "a running engine is left alone, whatever its parser",
    { docker: { appArmorParserMissing: true, cgroups: false } },
    [],
  ],
  ["libvirt stopped under systemd", { libvirt: down }, ["systemctl start libvirtd"]],
  ["libvirt stopped, no systemd", { libvirt: down, systemd: false }, ["virtlogd -d && /usr/sbin/libvirtd -d"]],
  ["its log daemon runs already", { libvirt: { listens: false }, systemd: false }, ["/usr/sbin/libvirtd -d"]],
  ["libvirt runs, its log daemon does not", { libvirt: { logs: false }, systemd: false }, ["virtlogd -d"]],
  ["systemd starts the log daemon when it is wanted", { libvirt: { logs: false } }, []],
  ["the session's libvirt is started by its clients", { libvirt: { ...down, system: false, program: undefined } }, []],
  [
    "two tools of one purpose missing",
    { libvirt: { missing: grub } },
    [update, `${install} grub-pc-bin grub-efi-amd64-bin`],
  ],
  [
    "nothing there at all: one installation for both, then both are started",
    {
      systemd: false,
      missing: mmdebstrap,
      docker: { engine: absent, program: undefined },
      libvirt: { ...down, program: undefined, missing: grub, closed: ["/state", "/state/disks"] },
    },
    [
      update,
      `${install} docker.io mmdebstrap grub-pc-bin grub-efi-amd64-bin libvirt-daemon-system`,
      "sh -c 'setsid dockerd >>/state/dockerd.log 2>&1 &'",
      "virtlogd -d && libvirtd -d",
      "install -d -m 0711 /state /state/disks",
    ],
  ],
  [
    "QEMU is shut out from /dev/kvm",
    { libvirt: { letIn: ["sh", "-c", "chgrp 108 /dev/kvm"] } },
    ["sh -c 'chgrp 108 /dev/kvm'"],
  ],
  [
    "a binding to build, and its headers missing",
    { libvirt: { binding: { command: ["g++", "x.cc"], headersMissing: true } } },
    [update, `${install} libvirt-dev`, "g++ x.cc"],
  ],
  [
    "a binding to build",
    { aptGet: false, libvirt: { binding: { command: ["g++", "x.cc"], headersMissing: false } } },
    ["g++ x.cc"],
  ],
  [
    "what only machines need does not stop containers where there is no apt-get",
    {
      aptGet: false,
      libvirt: {
        ...down,
        program: undefined,
        missing: grub,
        binding: { command: ["g++", "x.cc"], headersMissing: true },
      },
    },
    [],
  ],
  [
    "no machines of this kind on another kind of CPU",
    { libvirt: { ...down, supported: false, program: undefined, missing: grub, closed: ["/state"] } },
    [],
  ],
])("%s", (_name, facts, expected) => {
  expect(commands(facts)).toEqual(expected);
});

test.each<[string, Found, RegExp]>([
  ["may not open the socket", { docker: { engine: { state: "denied", at, seen: "permission denied" } } }, /permission/],
  [
    "something that does not answer",
    { docker: { engine: { state: "unclear", at, seen: "no answer within 3000 ms" } } },
    /no answer/,
  ],
  [
    "an engine too old",
    { docker: { engine: { state: "answers", at, version: "19.03", api: "1.40" } } },
    /speaks API 1.40/,
  ],
  [
    "somebody else's engine",
    { docker: { engine: absent, dockerHost: "tcp://far:2375" } },
    /DOCKER_HOST=tcp:\/\/far:2375/,
  ],
  ["no cgroups for an engine", { docker: { engine: absent, cgroups: false } }, /no cgroups are mounted/],
  ["no apt-get", { aptGet: false, missing: mmdebstrap }, /no apt-get here to install mmdebstrap/],
])("setup stops at: %s", (_name, facts, seen) => {
  const planned = plan(facts);
  expect(planned).not.toHaveProperty("steps");
  expect(planned.blocked?.seen).toMatch(seen);
  expect(planned.blocked?.hint).not.toBe("");
});

test("a machine without apt-get that has everything needs no plan", () => {
  expect(commands({ aptGet: false })).toEqual([]);
});

test("an optional binding that cannot be built fails nothing", () => {
  const { steps } = plan({ libvirt: { binding: { command: ["g++", "x.cc"], headersMissing: false } } });
  expect(steps).toMatchObject([{ mayFail: true }]);
});

const podman: PodmanFacts = {
  engine: { ...absent, at: "unix:///run/podman/podman.sock" },
  address: "unix:///run/podman/podman.sock",
  program: "/usr/bin/podman",
  missing: [],
  cgroups: "v2",
  mayRaiseLimits: true,
  state: "/state",
};
const service =
  "sh -c 'setsid env CONTAINERS_CONF=/state/podman.conf /usr/bin/podman system service --time=0 unix:///run/podman/podman.sock >>/state/podman.log 2>&1 &'";

function podmanSteps(found: Partial<PodmanFacts>, systemd = false): readonly string[] {
  const planned = plan({ systemd, docker: { engine: absent, program: undefined }, podman: { ...podman, ...found } });
  return planned.blocked === undefined
    ? planned.steps.map((step) => sayStep(step, "/state/podman.log"))
    : [planned.blocked.seen];
}

test("where podman is the engine, docker is not asked for", () => {
  expect(podmanSteps({ engine: { state: "answers", at, version: "4.3.1", api: "1.41" } })).toEqual([]);
  expect(podmanSteps({}, true)).toEqual(["systemctl start podman.socket"]);
  const [settings, start] = podmanSteps({});
  expect(settings).toContain("/state/podman.conf");
  expect(start).toBe(service);
});

test("podman's packages are named one by one, and its runtime as the cgroups want it", () => {
  const packages = (cgroups: PodmanFacts["cgroups"]) =>
    podmanSteps({ program: undefined, missing: podmanTools, cgroups }, true)[1];
  expect(packages("v2")).toBe(`${install} podman netavark aardvark-dns iptables catatonit`);
  expect(packages("hybrid")).toBe(`${install} podman runc netavark aardvark-dns iptables catatonit`);
});

test("podman's settings say only what the machine asks for", () => {
  expect(podmanSettingsText({ cgroups: "v2", mayRaiseLimits: true })).not.toMatch(/default_ulimits|runtime/);
  expect(podmanSettingsText({ cgroups: "hybrid", mayRaiseLimits: false })).toMatch(
    /^\[containers\]\ndefault_ulimits = .*\n\[engine\]\n(?:.*\n)*runtime = "runc"\n\[network\]\nnetwork_backend = "netavark"\n$/,
  );
  expect(mayRaiseLimits("CapEff:\t000001ffffffffff\n")).toBe(true);
  expect(mayRaiseLimits("CapEff:\t000001fffeffffff\n")).toBe(false);
});

test("a podman that setup does not own is left alone, with the reason", () => {
  expect(podmanSteps({ address: "tcp://far:2375", engine: absent })).toEqual([
    "no podman answers at CONTAINER_HOST=tcp://far:2375",
  ]);
  expect(podmanSteps({ engine: { state: "answers", at, version: "3.0", api: "1.40" } })[0]).toContain("API 1.40");
  expect(podmanSteps({ cgroups: "none" })[0]).toContain("no cgroups");
});

test("a step that starts a daemon by hand can be typed as it is said, whatever the paths have in them", () => {
  const commands = [["env", "CONTAINERS_CONF=/my state/podman.conf", "podman"]] as const;
  const said = sayStep({ kind: "daemon", daemon: "podman", title: "", commands }, "/my state/podman.log");
  const heard = execFileSync("sh", ["-c", `printf '%s|' ${said}`], { encoding: "utf8" });
  const inner = "setsid env 'CONTAINERS_CONF=/my state/podman.conf' podman >>'/my state/podman.log' 2>&1 &";
  expect(heard).toBe(`sh|-c|${inner}|`);
});
