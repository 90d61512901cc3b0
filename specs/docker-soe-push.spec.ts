// Push: the image reaches a registry with the right login, and with no other.
import { dockerRegistry } from "../environments/docker-soe.ts";
import { expect, http, image, push, testIn } from "../harness/index.ts";

const test = testIn(dockerRegistry);
const login = { username: "ops", password: "only-on-loopback-0910" };

test("without a login the registry tells nothing", async ({ registry, host }) => {
  const { host: address, port } = registry.port(5000);
  await expect(host).toMeet(http(`http://${address}:${port}/v2/_catalog`).answers(401));
});

test("the image carries its name and version as its tag", async ({ soe }) => {
  await expect(soe).toMeet(image().isTagged("vfx-studio-soe:0.1.0"));
});

test("pushed with the login, the registry has the image under its digest", async ({ soe, registry }) => {
  const { host: address, port } = registry.port(5000);
  const { digest } = await push(soe, { to: `${address}:${port}/vfx-studio-soe:0.1.0`, ...login });
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  const authorization = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
  const answer = await fetch(`http://${address}:${port}/v2/vfx-studio-soe/manifests/0.1.0`, {
    headers: { authorization, accept: "application/vnd.docker.distribution.manifest.v2+json" },
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("docker-content-digest")).toBe(digest);
  const manifest = (await answer.json()) as { config: { digest: string } };
  expect(manifest.config.digest).toBe((await soe.image()).id);
});

test("a wrong password is refused, and nothing is stored", async ({ soe, registry }) => {
  const { host: address, port } = registry.port(5000);
  await expect(
    push(soe, { to: `${address}:${port}/stolen:1`, username: "ops", password: "not-the-password" }),
  ).rejects.toMatchObject({ code: "push-denied" });
  const authorization = `Basic ${Buffer.from(`${login.username}:${login.password}`).toString("base64")}`;
  const tags = await fetch(`http://${address}:${port}/v2/stolen/tags/list`, { headers: { authorization } });
  expect(tags.status).toBe(404);
});
