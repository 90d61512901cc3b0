// Decides that images go to a registry with a login and come back from it, by container and by recipe. The registry is
// Debian's, on loopback, with htpasswd.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Docker from "dockerode";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { registry } from "../../fixtures/registry/recipe.ts";
import { box } from "../../fixtures/studio-box/recipe.ts";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { container } from "../model/container.ts";
import { defineEnvironment, type Environment } from "../model/environment.ts";
import type { Preference } from "../model/event.ts";
import { fromImage, fromRecipe, prefer, recipe, run } from "../model/recipe.ts";
import { secret } from "../model/secret.ts";
import { type Asking, withPreferred } from "../vitest/preference.ts";
import { openStage, type Stage } from "../vitest/stage.ts";

const username = "ops";
const password = secret("contract registry password", "only-in-this-contract");
const docker = new Docker();

const environment = defineEnvironment("registry-contract", {
  nodes: {
    soe: container({ image: soe, idle: true }),
    registry: container({
      image: registry,
      env: { REGISTRY_USER: username, REGISTRY_PASSWORD: password },
      ports: [5000],
      ready: { port: 5000 },
    }),
  },
});

const other = defineEnvironment("other", { nodes: { box: container({ image: registry, idle: true }) } });

let stage: Stage;
let id = "";
let server = "";
let reference = "";

beforeAll(async () => {
  stage = await openStage();
  const { nodes } = await stage.standUp(environment);
  const { host, port } = nodes.registry.port(5000);
  server = `${host}:${port}`;
  // Ports come again: under a name of an earlier, killed run the engine might still have its image.
  reference = `${server}/studio/${stage.run}:0.1.0`;
  id = (await nodes.soe.image()).id;
  // What `docker login` leaves; read once, when the first image is fetched.
  const auth = Buffer.from(`${username}:${password.reveal()}`).toString("base64");
  process.env["DOCKER_AUTH_CONFIG"] = JSON.stringify({ auths: { [server]: { auth } } });
});

afterAll(async () => {
  delete process.env["DOCKER_AUTH_CONFIG"];
  for (const each of [reference, "pulled:1"])
    await docker
      .getImage(each)
      .remove()
      .catch(() => undefined);
  expect((await stage.close()).leaked).toEqual([]);
});

const pulled = (from: string) =>
  defineEnvironment("pulled", { nodes: { box: container({ image: fromImage(from), idle: true }) } });

test("a push without, and with a wrong, password is refused", async () => {
  await expect(stage.driver.push(id, { to: reference })).rejects.toMatchObject({ code: "push-denied" });
  await expect(stage.driver.push(id, { to: reference, username, password: "wrong-password" })).rejects.toMatchObject({
    code: "push-denied",
  });
});

test("a push to where no registry is says so", async () => {
  await expect(stage.driver.push(id, { to: "127.0.0.1:1/soe:1", username, password })).rejects.toMatchObject({
    name: "ProvisionError",
    message: expect.stringContaining("127.0.0.1:1/soe:1"),
  });
});

test("a tag that somebody has given is left as it was", async () => {
  const mine = "127.0.0.1:1/soe:mine";
  await docker.getImage(id).tag({ repo: "127.0.0.1:1/soe", tag: "mine" });
  onTestFinished(async () => void (await docker.getImage(mine).remove()));
  const { nodes } = await stage.standUp(other);
  await expect(stage.driver.push((await nodes.box.image()).id, { to: mine })).rejects.toThrow();
  expect((await docker.getImage(mine).inspect()).Id).toBe(id);
});

test("an image that needs a login is missing without it, and nothing is created", async () => {
  await expect(stage.driver.push(id, { to: reference, username, password })).resolves.toMatchObject({
    digest: expect.stringMatching(/^sha256:/),
  });
  const before = await stage.found();
  // The same registry by a name that no login is known for.
  await expect(stage.standUp(pulled(reference.replace("127.0.0.1", "localhost")))).rejects.toMatchObject({
    code: "image-missing",
    message: expect.stringContaining("docker login"),
  });
  expect(await stage.found()).toEqual(before);
});

test("with the login of the user's docker configuration it is pulled, and is the image that was pushed", async () => {
  const { nodes, takeDown } = await stage.standUp(pulled(reference));
  expect((await nodes.box.image()).id).toBe(id);
  expect(await nodes.box.succeed(["cat", "/etc/studio/release"])).toBe("vfx-studio-soe 0.1.0");
  await takeDown();
});

test("a recipe may start from it", async () => {
  const box = recipe("pulled", {
    version: "1",
    from: fromImage(reference),
    steps: [run(["touch", "/etc/pulled"])],
    context: import.meta.dirname,
  });
  const { nodes, takeDown } = await stage.standUp(
    defineEnvironment("from-pulled", { nodes: { box: container({ image: box, idle: true }) } }),
  );
  expect(await nodes.box.succeed(["ls", "/etc/pulled", "/etc/studio/release"])).toContain("/etc/pulled");
  await takeDown();
});

describe("an image that is preferred to a recipe's", () => {
  /** Test processes of one run: what each stands up, and what was told of the decision. */
  function processes(offered: Asking["offered"] = (...asked) => stage.driver.offered(...asked), never = false) {
    const directory = mkdtempSync(join(tmpdir(), "assay-preferred-"));
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const told: Preference[] = [];
    const declared = (wanted: string) =>
      defineEnvironment("preferring", { nodes: { box: container({ image: prefer(wanted, soe), idle: true }) } });
    const asking = { directory, never, offered, say: (each: Preference) => void told.push(each) };
    return { told, stands: (wanted: string) => withPreferred(declared(wanted), asking) };
  }
  const imageOf = (environment: Environment) => (environment.nodes["box"] as { image: object }).image;

  test("is taken where a registry gives it: fetched and decided once a run, told with its digest", async () => {
    const own = `${server}/studio/${stage.run}-own:7`;
    const product = recipe("product", {
      version: "7",
      from: fromRecipe(box),
      steps: [run(["touch", "/product"])],
      context: import.meta.dirname,
    });
    const { nodes, takeDown } = await stage.standUp(
      defineEnvironment("product", { nodes: { box: container({ image: product, idle: true }) } }),
    );
    const { id: imageId } = await nodes.box.image();
    await stage.driver.push(imageId, { to: own, username, password });
    await takeDown();
    await docker.getImage("product:7").remove();
    onTestFinished(async () => void (await docker.getImage(own).remove()));

    const { told, stands } = processes();
    const [one, other] = await Promise.all([stands(own), stands(own)]);
    expect(told).toEqual([{ recipe: "vfx-studio-soe", reference: own, imageId, why: "the registry has it" }]);
    expect([imageOf(one), imageOf(other)]).toEqual(Array(2).fill({ base: "image", reference: imageId }));
    const stood = await stage.standUp(one as ReturnType<typeof pulled>);
    expect(await stood.nodes.box.succeed(["ls", "/product"])).toContain("/product");
    await stood.takeDown();
    // Of the next run the engine has it.
    const next = processes();
    await next.stands(own);
    expect(next.told).toMatchObject([{ imageId, why: "the engine has it" }]);
  });

  test("is not, where no registry is, none gives it, or none answers in time: the recipe's is, and why is told", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    onTestFinished(() => void silent.close());
    const { port } = silent.address() as AddressInfo;
    const { told, stands } = processes((reference) => stage.driver.offered(reference, 500));
    const unheard = ["127.0.0.1:1/own:7", `${server}/studio/no-such:7`, `127.0.0.1:${port}/own:7`];
    for (const reference of unheard) expect(imageOf(await stands(reference))).toMatchObject({ name: "vfx-studio-soe" });
    expect(told.map(({ reference, why, ...rest }) => [reference, why, rest])).toEqual([
      [unheard[0], expect.stringContaining("connection refused"), { recipe: "vfx-studio-soe" }],
      [unheard[1], expect.stringMatching(/not found|manifest unknown/), { recipe: "vfx-studio-soe" }],
      [unheard[2], "no registry answered within 0.5 s", { recipe: "vfx-studio-soe" }],
    ]);
  });

  test("is not asked for where nobody wants that", async () => {
    const { told, stands } = processes(() => expect.fail("asked"), true);
    expect(imageOf(await stands("127.0.0.1:1/own:7"))).toMatchObject({ name: "vfx-studio-soe" });
    expect(told).toEqual([{ recipe: "vfx-studio-soe", reference: "127.0.0.1:1/own:7", why: "--no-prefer" }]);
  });
});
