// Decides every sentence about an image, both ways.
import { expect, test } from "vitest";
import type { ImageFacts } from "../model/image.ts";
import { image } from "./image.ts";

const facts: ImageFacts = {
  id: "sha256:0d74",
  tags: ["soe:0.1.0", "soe:latest"],
  architecture: "amd64",
  created: "2026-01-01T00:00:00Z",
  config: {
    entrypoint: ["/entry", "--flag"],
    cmd: ["bash"],
    env: { PATH: "/usr/bin:/bin", EMPTY: "" },
    labels: { version: "0.1.0" },
    user: "1000:1000",
    workdir: "/vfx",
    expose: ["80/tcp", "53/udp"],
    volumes: ["/data"],
  },
};
const bare: ImageFacts = {
  id: "sha256:0",
  tags: [],
  architecture: "arm64",
  created: "2026-01-01T00:00:00Z",
  config: { entrypoint: [], cmd: [], env: {}, labels: {}, user: "", workdir: "", expose: [], volumes: [] },
};

test.each([
  ["has variable PATH", image().hasEnv("PATH"), "no variable PATH; there are: none"],
  ['has variable EMPTY ""', image().hasEnv("EMPTY", ""), "no variable EMPTY; there are: none"],
  ["has variable PATH /usr/", image().hasEnv("PATH", /usr/), "no variable PATH; there are: none"],
  ['has label version "0.1.0"', image().hasLabel("version", "0.1.0"), "no label version; there are: none"],
  ['has entrypoint ["/entry","--flag"]', image().hasEntrypoint(["/entry", "--flag"]), "none"],
  ['has cmd ["bash"]', image().hasCmd(["bash"]), "none"],
  ["has user 1000:1000", image().hasUser("1000:1000"), '""'],
  ["has workdir /vfx", image().hasWorkdir("/vfx"), '""'],
  ["exposes 80/tcp", image().exposes(80), "none"],
  ["exposes 53/udp", image().exposes("53/udp"), "none"],
  ["has volume /data", image().hasVolume("/data"), "none"],
  ["has architecture amd64", image().hasArchitecture("amd64"), "arm64"],
  ["is tagged soe:0.1.0", image().isTagged("soe:0.1.0"), "no tag"],
])("image %s: met, and not by a bare image", (predicate, check, seen) => {
  expect(check.title).toBe(`image ${predicate}`);
  expect(check.judge(facts)).toMatchObject({ met: true });
  expect(check.judge(bare)).toMatchObject({ met: false, seen });
});

test.each([
  ["another value", image().hasEnv("PATH", "/usr"), '"/usr/bin:/bin"'],
  ["another label", image().hasLabel("version", /^1/), '"0.1.0"'],
  ["a property every object has", image().hasEnv("toString"), "no variable toString; there are: EMPTY, PATH"],
  ["fewer words", image().hasEntrypoint(["/entry"]), '["/entry","--flag"]'],
  ["one word that joins two", image().hasEntrypoint(["/entry --flag"]), '["/entry","--flag"]'],
  ["no words", image().hasCmd([]), '["bash"]'],
  ["another protocol", image().exposes("80/udp"), "80/tcp, 53/udp"],
])("%s is not met", (_, check, seen) => {
  expect(check.judge(facts)).toMatchObject({ met: false, seen });
});

test("none is said as an empty list or text", () => {
  for (const check of [image().hasCmd([]), image().hasEntrypoint([]), image().hasUser(""), image().hasWorkdir("")])
    expect(check.judge(bare)).toMatchObject({ met: true });
});
