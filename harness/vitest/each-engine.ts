// Decides on which engines of this machine a suite for containers is run: docker always, podman where its socket is. What is not there
// is skipped with its reason, never left out in silence.
import { describe, test } from "vitest";
import { readConfig } from "../config.ts";
import type { EngineKind } from "../drivers/docker.ts";
import { isListening } from "../host/socket.ts";

/** For `openStage` and `openDockerDriver`. */
export interface EngineUnderTest {
  readonly engine: EngineKind;
  readonly dockerHost: string | undefined;
}

/**
 * Runs a suite once an engine.
 * @example onEachEngine((engine) => { beforeAll(async () => { stage = await openStage(engine); }); … });
 */
export function onEachEngine(suite: (engine: EngineUnderTest) => void): void {
  const { docker, podman } = readConfig().engineHosts;
  describe("on docker", () => suite({ engine: "docker", dockerHost: docker }));
  describe("on podman", () => {
    const socket = podman.replace(/^unix:\/\//, "");
    if (!socket.startsWith("/") || isListening(socket)) suite({ engine: "podman", dockerHost: podman });
    else
      test("the suite", ({ skip }) => {
        skip(`no podman service listens at ${socket}: ASSAY_ENGINE=podman assay setup --yes starts one`);
      });
  });
}
