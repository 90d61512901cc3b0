// Decides how dockerode is loaded: without what only BuildKit sessions and SSH hosts need, which is most of its weight and would
// be paid by each process of a run. Both are loaded when they are called.
import { createRequire, Module } from "node:module";
import type Docker from "dockerode";

const own = createRequire(import.meta.url);

/** A client of the engine that the options name; without any, of the one in `DOCKER_HOST`. Sends nothing. */
export function dockerClient(options?: Docker.DockerOptions): Docker {
  const theirs = createRequire(own.resolve("dockerode"));
  loadWhenCalled(theirs, "./session.js");
  loadWhenCalled(theirs, "docker-modem/lib/ssh.js");
  const Client = own("dockerode") as typeof Docker;
  // Docker's variables may be another engine's, and the client would take what is left out from them.
  const whole = options?.socketPath !== undefined || options?.protocol !== undefined;
  return new Client(whole ? { ...nothing, ...options } : options);
}

const nothing: object = {
  ...{ host: undefined, port: undefined, protocol: "http", username: undefined, pathPrefix: undefined },
  ...{ ca: undefined, cert: undefined, key: undefined },
};

/** Puts a function in the place of a module that is one: its first call loads the module. A version without it is left as it is. */
function loadWhenCalled(theirs: NodeJS.Require, specifier: string): void {
  let file: string;
  try {
    file = theirs.resolve(specifier);
  } catch {
    return;
  }
  if (file in own.cache) return;
  const place = new Module(file);
  let real: ((...given: unknown[]) => unknown) | undefined;
  place.exports = (...given: unknown[]) => {
    if (real === undefined) {
      delete own.cache[file];
      real = theirs(file) as (...given: unknown[]) => unknown;
    }
    return real(...given);
  };
  place.loaded = true;
  own.cache[file] = place;
}
