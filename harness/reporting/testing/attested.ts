// Decides what attestations are tested on: a report of two images, keys that are made for one test, statements signed by them.
import { generateKeyPairSync } from "node:crypto";
import type { RunEvent } from "../../model/event.ts";
import { signStatement } from "../attest-bundle.ts";
import { type AllowedKey, readAllowedKeys, readSigningKey, type SigningKey } from "../attest-key.ts";
import { type Statement, testedIn, testResultOf } from "../attest-statement.ts";
import { type Report, reportOf } from "../report.ts";
import { began, ranTest, runEnded, runStarted, stoodUp, testEnded } from "../sample.ts";

export const soeDigest = "1".repeat(64);
export const diskDigest = "2".repeat(64);
export const reportDigest = "c".repeat(64);

/** A run on a container's image and on a machine's disk, each in an environment and a file of its own. */
export function attestedRun(...more: RunEvent[]): RunEvent[] {
  const image = (name: string, imageId: string, disk?: string): RunEvent => ({
    event: "image",
    at: began,
    recipe: name,
    tag: `${name}:1`,
    recipeDigest: `sha256:${"a".repeat(64)}`,
    treeDigest: `sha256:${"b".repeat(64)}`,
    imageId: `sha256:${imageId}`,
    ...(disk === undefined ? {} : { disk: `sha256:${disk}` }),
    built: true,
    ms: 1,
  });
  return [
    runStarted(),
    image("soe", soeDigest),
    image("desk", diskDigest, diskDigest),
    ...on("docker-soe", "soe", { engine: "docker", image: `sha256:${soeDigest}` }),
    ...on("kvm-soe", "desk", { accelerator: "kvm", image: `sha256:${diskDigest}` }),
    ...of("docker-soe", ranTest("specs/soe.spec.ts", "the prompt is ours", "passed")),
    ...of("kvm-soe", ranTest("specs/kvm.spec.ts", "it boots", "passed")),
    ...more,
    runEnded(),
  ];
}

/** A run of one test of one file on one container's image: good enough for a release. */
export function releasable(about: {
  readonly run: string;
  readonly imageId: string;
  readonly file: string;
  /** Of that file. */
  readonly sha256: string;
}): RunEvent[] {
  const { run, imageId, file, sha256 } = about;
  const [image] = attestedRun().filter(({ event }) => event === "image");
  if (image?.event !== "image") throw new TypeError("the run has no image");
  return [
    runStarted({ run }),
    { event: "inputs", at: began, file, inputs: [{ path: file, sha256 }] },
    { ...image, imageId: `sha256:${imageId}` },
    ...on("docker-soe", "soe", { engine: "docker", image: `sha256:${imageId}` }),
    ...ranTest(file, "the prompt is ours", "passed"),
    runEnded(),
  ];
}

/** A test that was not made, in the environment of the container's image. */
export const skipped: RunEvent = testEnded("specs/soe.spec.ts", "SELinux label", "skipped", {
  reason: "the host has no SELinux",
  environment: "docker-soe",
});

/** Another test that passed, in the same. */
export const passedToo: readonly RunEvent[] = of("docker-soe", ranTest("specs/soe.spec.ts", "hosts", "passed"));

/** A test that failed, in the environment of the machine's disk. */
export const failed: readonly RunEvent[] = of("kvm-soe", ranTest("specs/kvm.spec.ts", "the clock is right", "failed"));

function on(environment: string, node: string, facts: Record<string, string>): RunEvent[] {
  return stoodUp("specs/soe.spec.ts", node, 1000, 9000).map((event) =>
    event.event === "node"
      ? { ...event, environment, node, facts }
      : "environment" in event
        ? { ...event, environment, ...("node" in event ? { node } : {}) }
        : event,
  ) as RunEvent[];
}

function of(environment: string, events: RunEvent[]): RunEvent[] {
  return events.map((event) => ("environment" in event ? { ...event, environment } : event)) as RunEvent[];
}

/** What the report of such a run says of one of its images. */
export function statementOn(name: "soe:1" | "desk:1", report: Report = reportOf(attestedRun())): Statement {
  const tested = testedIn(report).find((each) => each.name === name);
  if (tested === undefined) throw new TypeError(`the run has no ${name}`);
  return testResultOf({ report, sha256: reportDigest }, tested);
}

export interface TestKey {
  readonly pem: string;
  readonly signing: SigningKey;
  readonly allowed: readonly AllowedKey[];
}

export function testKey(kind: "P-256" | "ed25519" = "P-256"): TestKey {
  const { privateKey } =
    kind === "ed25519" ? generateKeyPairSync("ed25519") : generateKeyPairSync("ec", { namedCurve: kind });
  const pem = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const signing = readSigningKey(pem, "a test");
  return { pem, signing, allowed: readAllowedKeys(signing.publicPem, "a test") };
}

export function signed(statement: unknown, key: TestKey): Promise<string> {
  return signStatement(statement as Statement, { key: key.signing });
}
