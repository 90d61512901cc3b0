import { expect, test } from "vitest";
import { planSetup, type SetupFacts, sayStep } from "./plan.ts";
import { tools } from "./tools.ts";

const at = "/var/run/docker.sock";
const ready: SetupFacts = {
  uid: 0,
  engine: { state: "answers", at, version: "20.10.24", api: "1.41" },
  dockerHost: undefined,
  dockerd: "/usr/sbin/dockerd",
  dockerdPid: undefined,
  systemd: true,
  aptGet: true,
  missing: [],
  appArmorParserMissing: false,
  cgroups: true,
};
const absent = { state: "absent", at, seen: "no such socket" } as const;
const mmdebstrap = tools.filter(({ name }) => name === "mmdebstrap");
const apt = "env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=600";
const update = `${apt} -o APT::Update::Error-Mode=any update`;
const install = `${apt} install --yes --no-install-recommends`;

function commands(facts: Partial<SetupFacts>): readonly string[] {
  const plan = planSetup({ ...ready, ...facts });
  return plan.blocked === undefined
    ? plan.steps.map((step) => sayStep(step, "/state/dockerd.log"))
    : [plan.blocked.seen];
}

test.each<[string, Partial<SetupFacts>, readonly string[]]>([
  ["all there", {}, []],
  ["all there, for a user without root", { uid: 1000 }, []],
  ["a tool missing", { missing: mmdebstrap }, [update, `${install} mmdebstrap`]],
  ["engine stopped under systemd", { engine: absent }, ["systemctl start docker"]],
  [
    "engine stopped, no systemd",
    { engine: absent, systemd: false },
    ["sh -c 'setsid /usr/sbin/dockerd >>/state/dockerd.log 2>&1 &'"],
  ],
  ["engine just starting", { engine: absent, dockerdPid: 41 }, ["docker version"]],
  [
    "nothing there at all",
    { engine: absent, dockerd: undefined, systemd: false, missing: mmdebstrap },
    [update, `${install} docker.io mmdebstrap`, "sh -c 'setsid dockerd >>/state/dockerd.log 2>&1 &'"],
  ],
  [
    "a kernel that confines by AppArmor, and no parser",
    { engine: absent, dockerd: undefined, appArmorParserMissing: true },
    [update, `${install} docker.io apparmor`, "systemctl start docker"],
  ],
  ["a running engine is left alone, whatever its parser", { appArmorParserMissing: true, cgroups: false }, []],
])("%s", (_name, facts, expected) => {
  expect(commands(facts)).toEqual(expected);
});

test.each<[string, Partial<SetupFacts>, RegExp]>([
  ["may not open the socket", { engine: { state: "denied", at, seen: "permission denied" } }, /permission denied/],
  [
    "something that does not answer",
    { engine: { state: "unclear", at, seen: "no answer within 3000 ms" } },
    /no answer/,
  ],
  ["an engine too old", { engine: { state: "answers", at, version: "19.03", api: "1.40" } }, /speaks API 1.40/],
  ["somebody else's engine", { engine: absent, dockerHost: "tcp://far:2375" }, /DOCKER_HOST=tcp:\/\/far:2375/],
  ["no cgroups for an engine", { engine: absent, cgroups: false }, /no cgroups are mounted/],
  ["no apt-get", { aptGet: false, missing: mmdebstrap }, /no apt-get here to install mmdebstrap/],
])("setup stops at: %s", (_name, facts, seen) => {
  const plan = planSetup({ ...ready, ...facts });
  expect(plan).not.toHaveProperty("steps");
  expect(plan.blocked?.seen).toMatch(seen);
  expect(plan.blocked?.hint).not.toBe("");
});

test("a machine without apt-get that has everything needs no plan", () => {
  expect(commands({ aptGet: false })).toEqual([]);
});
