// Decides that bundles lie beside their images in real registries, one without and one with the referrers API, are found there by others,
// and that nothing of another image is taken: rebuilt under the same tag, replayed, altered.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { registry } from "../../fixtures/registry/recipe.ts";
import { box } from "../../fixtures/studio-box/recipe.ts";
import { readConfig } from "../config.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { fromRecipe, recipe, run } from "../model/recipe.ts";
import { secret } from "../model/secret.ts";
import { reportOf } from "../reporting/report.ts";
import { ranTest, runEnded, runStarted } from "../reporting/sample.ts";
import { testKey } from "../reporting/testing/attested.ts";
import { writeReport } from "../reporting/write.ts";
import { openStage, type Stage } from "../vitest/stage.ts";
import { attachCommand, attachedBundles } from "./attach.ts";
import { pushedManifest, readReference } from "./attach-registry.ts";
import { type Attested, attest } from "./attest.ts";
import { referrersRegistry } from "./testing/referrers-registry.ts";
import { verifyCommand } from "./verify.ts";

const username = "ops";
const password = secret("attach registry password", "only-in-this-attach-contract");
const room = mkdtempSync(join(tmpdir(), "assay-attach-"));
const key = testKey();
const pem = join(room, "release.pem");
const pub = join(room, "release.pub");

/** The same but for a file: what a tag may stand for tomorrow. */
const rebuilt = recipe("attach-rebuilt", {
  version: "1",
  from: fromRecipe(box),
  steps: [run(["touch", "/rebuilt"])],
  context: import.meta.dirname,
});
const environment = defineEnvironment("attach-contract", {
  nodes: {
    box: container({ image: box, idle: true }),
    rebuilt: container({ image: rebuilt, idle: true }),
    registry: container({
      image: registry,
      env: { REGISTRY_USER: username, REGISTRY_PASSWORD: password },
      ports: [5000],
      ready: { port: 5000 },
    }),
  },
});

let stage: Stage;
let ids: { readonly box: string; readonly other: string };
let server = "";
const referrers = await referrersRegistry(readConfig().state);

beforeAll(async () => {
  stage = await openStage();
  const { nodes } = await stage.standUp(environment);
  const { host, port } = nodes.registry.port(5000);
  server = `${host}:${port}`;
  ids = { box: (await nodes.box.image()).id, other: (await nodes.rebuilt.image()).id };
  const auth = Buffer.from(`${username}:${password.reveal()}`).toString("base64");
  // What `docker login` leaves; read once, when the first login is asked for.
  process.env["DOCKER_AUTH_CONFIG"] = JSON.stringify({ auths: { [server]: { auth } } });
  writeFileSync(pem, key.pem, { mode: 0o600 });
  writeFileSync(pub, key.signing.publicPem);
  const file = "specs/box.spec.ts";
  const events = ranTest(file, "it is there", "passed").map((event) =>
    "environment" in event ? { ...event, environment: "attach-contract" } : event,
  );
  const about = stage.events.filter(({ event }) => ["image", "phase", "node"].includes(event));
  await writeReport(join(room, "run"), reportOf([runStarted(), ...about, ...events, runEnded()]));
});

afterAll(async () => {
  delete process.env["DOCKER_AUTH_CONFIG"];
  if (!("missing" in referrers)) referrers.stop();
  rmSync(room, { recursive: true });
  expect((await stage.close()).leaked).toEqual([]);
});

const asked = { key: [pub] };
const login = { username, password };

describe.each([
  { name: "Debian's registry, without the referrers API", api: false },
  { name: "a registry with the referrers API", api: true },
])("$name", ({ api }) => {
  const missing = api && "missing" in referrers ? referrers.missing : undefined;
  const at = () => (api && !("missing" in referrers) ? referrers.server : server);
  const reference = () => `${at()}/studio/${stage.run}:1`;
  const push = (id: string) => stage.driver.push(id, { to: reference(), ...(api ? {} : login) });
  let attested: Attested | undefined;

  test("what was pushed is attested by its manifest, attached, and found again", async ({ skip }) => {
    if (missing !== undefined) return skip(missing);
    const { digest } = await push(ids.box);
    const out = join(room, `api-${api}`);
    [attested] = await attest(join(room, "run"), { key: pem, image: ["studio-box:0.1.0"], pushed: [reference()], out });
    expect(attested?.subjects).toEqual([
      { name: reference().slice(0, -2), digest: { sha256: digest.slice(7) } },
      { name: "config", digest: { sha256: ids.box.slice(7) } },
    ]);
    // Nothing lies there yet.
    expect(await verifyCommand([], { ...asked, image: reference() })).toBe(1);
    expect(await attachCommand(reference(), attested?.bundle ?? "", {})).toBe(0);
    expect(await verifyCommand([], { ...asked, image: reference() })).toBe(0);
    expect(await verifyCommand([], { ...asked, image: `${reference().slice(0, -2)}@${digest}` })).toBe(0);
    // The same twice is one.
    const image = readReference(reference());
    expect(await attachedBundles(image, await pushedManifest(image))).toEqual([
      readFileSync(attested?.bundle ?? "", "utf8"),
    ]);
  });

  test("it lies where OCI 1.1 says", async ({ skip }) => {
    if (missing !== undefined) return skip(missing);
    const { sha256 } = await pushedManifest(readReference(reference()));
    const authorization = `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString("base64")}`;
    const accept = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json";
    const ask = (path: string, method = "GET") =>
      fetch(`http://${at()}/v2/studio/${stage.run}${path}`, {
        method,
        headers: { accept, ...(api ? {} : { authorization }) },
      });
    const get = (path: string) => ask(path);
    const answer = await get(`/referrers/sha256:${sha256}`);
    expect(answer.status).toBe(api ? 200 : 404);
    const { manifests } = (await (api ? answer : await get(`/manifests/sha256-${sha256}`)).json()) as {
      manifests: { digest: string }[];
    };
    expect(manifests).toHaveLength(1);
    const manifest = (await (await get(`/manifests/${manifests[0]?.digest}`)).json()) as Record<string, unknown>;
    expect(manifest).toMatchObject({
      subject: { digest: `sha256:${sha256}` },
      artifactType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      annotations: { "dev.sigstore.bundle.predicateType": "https://in-toto.io/attestation/test-result/v0.1" },
    });
    if (!api) return;
    // Its index is written as well where a registry does not confirm the subject: what the API alone knows is found too.
    await ask(`/manifests/sha256-${sha256}`, "DELETE");
    expect((await get(`/manifests/sha256-${sha256}`)).status).toBe(404);
    expect(await verifyCommand([], { ...asked, image: reference() })).toBe(0);
  });

  test("cosign finds it there, and not by another key", ({ skip }) => {
    if (missing !== undefined) return skip(missing);
    const program = spawnSync("cosign", ["version"]);
    if (program.status !== 0) return skip("cosign is not installed");
    const auth = Buffer.from(`${username}:${password.reveal()}`).toString("base64");
    writeFileSync(join(room, "config.json"), JSON.stringify({ auths: { [server]: { auth } } }));
    writeFileSync(join(room, "nobody.pub"), testKey().signing.publicPem);
    const cosign = (file: string) =>
      spawnSync(
        "cosign",
        [
          ...["verify-attestation", "--key", file, "--insecure-ignore-tlog=true", "--allow-http-registry"],
          ...["--type", "https://in-toto.io/attestation/test-result/v0.1", reference()],
        ],
        { encoding: "utf8", env: { ...process.env, DOCKER_CONFIG: room } },
      );
    expect(cosign(pub)).toMatchObject({ status: 0 });
    expect(cosign(join(room, "nobody.pub")).status).not.toBe(0);
  });

  test("another key's bundle beside it does no harm, and is no answer by itself", async ({ skip }) => {
    if (missing !== undefined) return skip(missing);
    const stranger = testKey();
    writeFileSync(join(room, "stranger.pem"), stranger.pem, { mode: 0o600 });
    writeFileSync(join(room, "stranger.pub"), stranger.signing.publicPem);
    const third = testKey();
    writeFileSync(join(room, "third.pub"), third.signing.publicPem);
    const [made] = await attest(join(room, "run"), {
      key: join(room, "stranger.pem"),
      image: ["studio-box:0.1.0"],
      pushed: [reference()],
      out: join(room, `stranger-${api}`),
    });
    await attachCommand(reference(), made?.bundle ?? "", {});
    expect(await verifyCommand([], { ...asked, image: reference() })).toBe(0);
    expect(await verifyCommand([], { key: [join(room, "third.pub")], image: reference() })).toBe(1);
    expect(await verifyCommand([made?.bundle ?? ""], { ...asked, image: reference() })).toBe(1);
  });

  test("an image rebuilt under the same tag is not attested: not by what is attached, nor by the bundle, nor can it be", async ({
    skip,
  }) => {
    if (missing !== undefined) return skip(missing);
    await push(ids.other);
    expect(await verifyCommand([], { ...asked, image: reference() })).toBe(1);
    expect(await verifyCommand([attested?.bundle ?? ""], { ...asked, image: reference() })).toBe(1);
    await expect(attachCommand(reference(), attested?.bundle ?? "", {})).rejects.toMatchObject({
      code: "other-digest",
    });
    await expect(
      attest(join(room, "run"), { key: pem, image: ["studio-box:0.1.0"], pushed: [reference()] }),
    ).rejects.toMatchObject({ code: "other-image" });
  });
});

test("before a push a statement is on the configuration, and verified when the pushed manifest names that", async () => {
  const [made] = await attest(join(room, "run"), { key: pem, image: ["studio-box:0.1.0"], out: join(room, "config") });
  expect(made?.subjects).toEqual([{ name: "config", digest: { sha256: ids.box.slice(7) } }]);
  const reference = `${server}/studio/${stage.run}-config:1`;
  await stage.driver.push(ids.box, { to: reference, ...login });
  expect(await verifyCommand([made?.bundle ?? ""], { ...asked, image: reference })).toBe(0);
  await stage.driver.push(ids.other, { to: reference, ...login });
  expect(await verifyCommand([made?.bundle ?? ""], { ...asked, image: reference })).toBe(1);
});

test("what is no image, or needs another login, is told", async () => {
  await expect(pushedManifest(readReference(`${server}/studio/none:1`))).rejects.toMatchObject({
    code: "image-missing",
  });
  // The same registry by a name that no login is known for.
  const nameless = server.replace("127.0.0.1", "localhost");
  await expect(pushedManifest(readReference(`${nameless}/studio/none:1`))).rejects.toMatchObject({
    code: "login-refused",
  });
  for (const bad of [
    "studio/soe:1",
    "soe",
    "127.0.0.1:5000/Studio:1",
    "127.0.0.1:5000/a b:1",
    "127.0.0.1:5000/a@sha256:12",
    "x.example/../a:1",
  ])
    expect(() => readReference(bad), bad).toThrow(expect.objectContaining({ code: "bad-reference" }));
});
