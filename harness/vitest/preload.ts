// Decides what an early worker loads while vitest is being loaded: what specs import and what stands their environments up, as
// far as it has no use for vitest. What is missing here is loaded later; what is too much costs each run a little.
import { isIP } from "node:net";
import "../checks/account.ts";
import "../checks/all.ts";
import "../checks/command.ts";
import "../checks/dns.ts";
import "../checks/file.ts";
import "../checks/http.ts";
import "../checks/image.ts";
import "../checks/logs.ts";
import "../checks/mount.ts";
import "../checks/package.ts";
import "../checks/port.ts";
import "../checks/process.ts";
import "../checks/state.ts";
import "../drivers/docker.ts";
import { dockerClient } from "../drivers/docker-client.ts";
import "../lifecycle/event-socket.ts";
import "../lifecycle/ledger.ts";
import "../lifecycle/run.ts";
import "../model/environment.ts";
import "../model/recipe.ts";
import "../store/store.ts";
import "./capabilities.ts";
import "./substitute.ts";

// Opens nothing: it loads the engine's client.
dockerClient({ socketPath: "/" });
// The first request asks this of its host; the expressions that answer it take milliseconds to compile.
isIP("localhost");
