// Decides whether an image can be had by its reference: the engine has it, or a registry answers for it in time and gives it. Says why not,
// and leaves it to whoever asks what is done then.
import type { Readable } from "node:stream";
import type Docker from "dockerode";
import { wordsOf } from "./docker-engine.ts";
import { credentials, followed, imageFacts } from "./docker-image.ts";

/** `from`: who had it. */
export type Offer = { readonly imageId: string; readonly from: "engine" | "registry" } | { readonly why: string };

/** What podman says before it knows anything of the registry. */
const asking = /^(Trying to pull|Resolv)/;

/** `withinMs` is for the registry's first answer; layers take their time. Rejects where the engine itself does not answer. */
export async function offered(docker: Docker, reference: string, withinMs: number): Promise<Offer> {
  const known = await imageFacts(docker, reference);
  if (known !== undefined) return { imageId: known.id, from: "engine" };
  const asked = new AbortController();
  const late = setTimeout(() => asked.abort(), withinMs);
  try {
    const authconfig = await credentials(reference);
    const options = { abortSignal: asked.signal, ...(authconfig === undefined ? {} : { authconfig }) };
    const stream = (await docker.pull(reference, options)) as Readable;
    stream.on("data", (chunk: Buffer) => {
      const said = /"(?:status|stream)":"([^"]*)/.exec(chunk.toString())?.[1];
      if (said === undefined || !asking.test(said)) clearTimeout(late);
    });
    await followed(docker, stream, reference, "build");
    const fetched = await imageFacts(docker, reference);
    return fetched === undefined
      ? { why: "it was pulled and is still not there" }
      : { imageId: fetched.id, from: "registry" };
  } catch (error) {
    return { why: asked.signal.aborted ? `no registry answered within ${withinMs / 1000} s` : wordsOf(error) };
  } finally {
    clearTimeout(late);
  }
}
