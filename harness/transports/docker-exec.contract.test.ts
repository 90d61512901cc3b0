// Decides that a container's transport keeps the contract on a real engine.
import { randomBytes } from "node:crypto";
import Docker from "dockerode";
import { afterAll, beforeAll } from "vitest";
import { transportContract } from "./contract.ts";
import { dockerExecTransport } from "./docker-exec.ts";

const docker = new Docker();
let container: Docker.Container;

beforeAll(async () => {
  const Image = process.env["ASSAY_LAB_IMAGE"] ?? "vfx-studio-soe:0.1.0";
  container = await docker.createContainer({ Image, name: `assay-contract-${randomBytes(4).toString("hex")}`, Entrypoint: ["sleep"], Cmd: ["infinity"], HostConfig: { Init: true } });
  await container.start();
});
afterAll(() => container.remove({ force: true, v: true }));

transportContract("docker exec", async () => dockerExecTransport(container, "contract"));
