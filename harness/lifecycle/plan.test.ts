// Decides that a plan tells what stands from what is declared: nothing is replaced that need not be, and nothing that differs is kept.
import { describe, expect, test } from "vitest";
import { notInPlace, type PlanFacts, planChanges, standingOf } from "./plan.ts";

const machine = (more: Readonly<Record<string, unknown>> = {}) => ({
  kind: "vm" as const,
  memory: 512 * 1024 ** 2,
  networks: { lan: {} },
  after: [] as string[],
  ...more,
});
const studio = (count: number, more: Partial<PlanFacts> = {}): PlanFacts => ({
  nodes: {
    server: machine(),
    ...Object.fromEntries(Array.from({ length: count }, (_, index) => [`dev-00${index + 1}`, machine()])),
    ...more.nodes,
  },
  networks: { lan: { internal: false }, ...more.networks },
  volumes: {},
});
const told = (stands: PlanFacts | undefined, now: PlanFacts | undefined) => {
  const { changes, unchanged } = planChanges(stands, now);
  return [
    ...changes.map(({ action, kind, name, because }) => [action, kind, name, ...because].join(" ")),
    `${unchanged} unchanged`,
  ];
};

describe("what is told", () => {
  test("all of it is created where nothing stands, and destroyed where nothing is to", () => {
    const all = ["network lan", "vm dev-001", "vm server"];
    expect(told(undefined, studio(1))).toEqual([...all.map((each) => `create ${each}`), "0 unchanged"]);
    expect(told(studio(1), undefined)).toEqual([...all.map((each) => `destroy ${each}`), "0 unchanged"]);
  });

  test("the same declaration is no change", () => {
    expect(told(studio(3), studio(3))).toEqual(["5 unchanged"]);
  });

  test("more machines are created, fewer are destroyed, by name; the others are unchanged", () => {
    expect(told(studio(1), studio(3))).toEqual(["create vm dev-002", "create vm dev-003", "3 unchanged"]);
    expect(told(studio(3), studio(1))).toEqual(["destroy vm dev-002", "destroy vm dev-003", "3 unchanged"]);
  });

  test("what differs is replaced, and each difference is told as it was written", () => {
    const now = studio(1, { nodes: { server: machine({ memory: 1024 ** 3, image: { digest: "b" } }) } });
    expect(told(studio(1, { nodes: { server: machine({ image: { digest: "a" } }) } }), now)).toEqual([
      "replace vm server image.digest a → b memory 512m → 1g",
      "2 unchanged",
    ]);
  });

  test("who waits for a group that grew is no other for that", () => {
    const last = (count: number) =>
      studio(count, { nodes: { last: machine({ after: Object.keys(studio(count).nodes) }) } });
    expect(told(last(1), last(2))).toEqual(["create vm dev-002", "4 unchanged"]);
  });

  test("a network that is another takes with it whoever is on it, and nobody else", () => {
    const apart = { apart: machine({ networks: ["other"] }) };
    const before = studio(1, { nodes: apart, networks: { other: {} } });
    const after = studio(1, { nodes: apart, networks: { other: {}, lan: { internal: true } } });
    expect(told(before, after)).toEqual([
      "replace network lan internal false → true",
      "replace vm dev-001 its network lan is replaced",
      "replace vm server its network lan is replaced",
      "2 unchanged",
    ]);
  });
});

describe("what stands", () => {
  test("is what is kept of the declaration; an image at rest stands nowhere", () => {
    const facts = studio(3, { nodes: { released: { kind: "image" } } });
    expect(Object.keys(standingOf(facts, ["server", "dev-001"]).nodes)).toEqual(["server", "dev-001", "released"]);
  });
});

describe("what cannot be done in place", () => {
  const why = (stands: PlanFacts, now: PlanFacts) => notInPlace(planChanges(stands, now), stands, now);

  test("machines come and go in place", () => {
    expect(why(studio(1), studio(3))).toEqual([]);
    expect(why(studio(3), studio(1))).toEqual([]);
  });

  test("a node that is another, a container that came, a network that went: each is said", () => {
    const now = studio(0, { nodes: { server: machine({ vcpus: 2 }), box: { kind: "container" } } });
    const stands = studio(0, { nodes: { server: machine({ vcpus: 1 }) }, networks: { old: {} } });
    expect(why(stands, now)).toEqual([
      "network old is no longer declared",
      "container box is new",
      "vm server is another: vcpus 1 → 2",
    ]);
  });

  test("a network that only containers are left on is another engine's then", () => {
    const box = { kind: "container" as const, networks: ["lan"] };
    const mixed = (machines: Readonly<Record<string, ReturnType<typeof machine>>>): PlanFacts => ({
      nodes: { box, ...machines },
      networks: { lan: {} },
    });
    expect(why(mixed({ dev: machine() }), mixed({}))).toEqual(["network lan loses its last machine"]);
    expect(why(mixed({}), mixed({ dev: machine() }))).toEqual(["network lan gets its first machine"]);
    expect(why(mixed({ dev: machine() }), mixed({ dev: machine(), more: machine() }))).toEqual([]);
  });

  test("playbooks count for those whom they are applied to", () => {
    const plays = (...servers: string[]) => ({ plays: [{ playbook: "nfs", hosts: { servers } }] });
    expect(why({ ...studio(1), ...plays("server") }, { ...studio(3), ...plays("server") })).toEqual([]);
    const others = ["its playbooks, or whom they are applied to, are others"];
    expect(why({ ...studio(1), ...plays("dev-001") }, { ...studio(2), ...plays("dev-001", "dev-002") })).toEqual(
      others,
    );
    expect(why(studio(1), { ...studio(1), ...plays("server") })).toEqual(others);
  });
});
