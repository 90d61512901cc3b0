// What the image says of itself, without looking inside.
import { dockerSoe } from "../environments/docker-soe.ts";
import { all, expect, image, testIn } from "../harness/index.ts";

const test = testIn(dockerSoe);

test("its name and version are in its labels", async ({ soe }) => {
  await expect(soe).toMeet(
    all(
      image().hasLabel("org.opencontainers.image.title", "vfx-studio-soe"),
      image().hasLabel("org.opencontainers.image.version", "0.1.0"),
    ),
  );
});

test("it starts bash as root in /, through no entrypoint", async ({ soe }) => {
  await expect(soe).toMeet(
    all(image().hasCmd(["bash"]), image().hasEntrypoint([]), image().hasWorkdir("/"), image().hasUser("")),
  );
});

test("it exposes no port and declares no volume", async ({ soe }) => {
  const { config } = await soe.image();
  expect(config.expose).toEqual([]);
  expect(config.volumes).toEqual([]);
});
