// Decides how a Dockerfile is built by the engine's own builder: over its API, without its cache, leaving nothing on it.
import type { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import type Docker from "dockerode";
import { ProvisionError } from "../model/errors.ts";
import type { ImageBuilds } from "../model/image-build.ts";
import { dialectOf } from "./docker-dialect.ts";
import { engineError, isGone, wordsOf } from "./docker-engine.ts";
import { loadImage } from "./docker-image.ts";

/** For how long a step may go on that nobody waits for: the copy of a context, at most. */
const lateMs = 2_000;

interface Said {
  readonly stream?: string;
  readonly error?: string;
  readonly aux?: { readonly ID?: string };
}

/** Builds on an engine. */
export function engineBuilds(docker: Docker): ImageBuilds {
  return {
    async version() {
      const version = await docker
        .version()
        .catch((error: unknown) => Promise.reject(engineError(error, "build", "the engine's builder")));
      return `${dialectOf(version).name} ${version.Version}`;
    },
    load: (image) => loadImage(docker, image),
    async build({ context, file, target, args, say, signal }) {
      const failed = (seen: string, cause?: unknown) =>
        signal?.aborted === true
          ? new ProvisionError({ code: "cancelled", phase: "build", seen: "cancelled" })
          : new ProvisionError({ code: "dockerfile-failed", phase: "build", seen, cause });
      let answer: Readable | undefined;
      const steps = new StepImages();
      const stop = () => {
        // The engine ends a build whose client has gone.
        answer?.destroy();
        context.destroy();
      };
      signal?.addEventListener("abort", stop, { once: true });
      try {
        answer = (await docker.buildImage(context, {
          dockerfile: file,
          ...(target === undefined ? {} : { target }),
          buildargs: args,
          nocache: true,
          rm: true,
          forcerm: true,
        })) as Readable;
        if (signal?.aborted === true) stop();
        let id: string | undefined;
        for await (const said of answers(answer)) {
          if (said.stream !== undefined) {
            say(said.stream);
            steps.hear(said.stream);
          }
          if (said.error !== undefined) throw failed(said.error.trim());
          id = said.aux?.ID ?? id;
        }
        if (id === undefined) throw failed("the engine ended its answer without an image");
        await steps.remove(docker, id);
        return id;
      } catch (error) {
        await (signal?.aborted === true ? steps.removeLate(docker) : steps.remove(docker));
        throw error instanceof ProvisionError ? error : failed(wordsOf(error), error);
      } finally {
        signal?.removeEventListener("abort", stop);
      }
    },
    async remove(id) {
      await docker
        .getImage(id)
        .remove()
        .catch((error: unknown) => (isGone(error) ? undefined : Promise.reject(engineError(error, "build", id))));
    },
  };
}

/**
 * Images that the engine keeps of a build's steps. Nobody's once the build is over: without its cache they are never used again, and
 * those of a stage that nothing was made of would stay.
 */
export class StepImages {
  readonly #made: string[] = [];
  #starts = false;
  #rest = "";

  /** Beginnings of their ids, in their order. */
  get made(): readonly string[] {
    return this.#made;
  }

  /** What a builder says, docker's or podman's, as it comes. */
  hear(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      const [, instruction] = /^(?:\[\d+\/\d+\] )?Step \d+\/\d+ ?: (\S+)/i.exec(line) ?? [];
      if (instruction !== undefined) this.#starts = instruction.toUpperCase() === "FROM";
      const [, id] = /^(?: -)?--> ([0-9a-f]{11,12})$/.exec(line) ?? [];
      // What a stage starts from was there before.
      if (id !== undefined && !this.#starts) this.#made.push(id);
    }
  }

  /** The last first. What something still stands on, `kept` among them, refuses and stays. */
  async remove(docker: Docker, kept = ""): Promise<void> {
    for (const id of this.#made.toReversed()) if (!kept.includes(id)) await removed(docker, id);
  }

  /**
   * Those of a build that was broken off, with the container of the step that it was at. The engine ends that step, tells nobody, and sees
   * that nobody listens before it begins the next: what stands on a step that was heard of is looked for until that has had its time.
   */
  async removeLate(docker: Docker): Promise<void> {
    const heard = (name: string) => this.#made.some((id) => name.includes(id));
    for (const began = performance.now(); ; await delay(lateMs / 8)) {
      const images = await docker.listImages({ all: true }).catch(() => []);
      const own = new Set(images.filter(({ Id, ParentId }) => heard(Id) || heard(ParentId)));
      for (const { Id } of own) for (const each of images) if (each.ParentId === Id) own.add(each);
      const containers = await docker.listContainers({ all: true }).catch(() => []);
      const steps = containers.filter(({ ImageID }) => heard(ImageID));
      for (const { Id } of steps) await quietly(docker.getContainer(Id).remove({ force: true, v: true }));
      for (const { Id } of [...own].toReversed()) await removed(docker, Id);
      const passed = performance.now() - began;
      if (passed > 5 * lateMs || (passed > lateMs && own.size === 0 && steps.length === 0)) return;
    }
  }
}

/** In use, or gone already, is no failure: it is nobody's. */
function removed(docker: Docker, id: string): Promise<unknown> {
  return quietly(docker.getImage(id).remove());
}

function quietly(doing: Promise<unknown>): Promise<unknown> {
  return doing.catch(() => undefined);
}

/** The engine's answer, one JSON object a line. */
async function* answers(stream: Readable): AsyncGenerator<Said> {
  let rest = "";
  for await (const chunk of stream.setEncoding("utf8") as AsyncIterable<string>) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim() !== "") yield JSON.parse(line) as Said;
  }
  if (rest.trim() !== "") yield JSON.parse(rest) as Said;
}
