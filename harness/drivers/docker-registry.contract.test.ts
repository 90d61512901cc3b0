// Decides that images go to a registry with a login and come back from it, by container and by recipe. The registry is
// Debian's, on loopback, with htpasswd.
import Docker from "dockerode";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { registry } from "../../fixtures/registry/recipe.ts";
import { soe } from "../../fixtures/vfx-studio-soe/recipe.ts";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { fromImage, recipe, run } from "../model/recipe.ts";
import { secret } from "../model/secret.ts";
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
