// Decides what an early worker loads while vitest is being loaded: all that nearly every spec imports, and that has no use for vitest.
import "../checks/account.ts";
import "../checks/all.ts";
import "../checks/file.ts";
import "../checks/package.ts";
import "../checks/port.ts";
import "../checks/process.ts";
import "../lifecycle/run.ts";
import "../lifecycle/ledger.ts";
import "../lifecycle/event-socket.ts";
import "../model/environment.ts";
import "../model/recipe.ts";
import "../store/store.ts";
import "../drivers/docker.ts";
import { dockerClient } from "../drivers/docker-client.ts";

// Opens nothing: it loads the engine's client.
dockerClient({ socketPath: "/" });
