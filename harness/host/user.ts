// Decides what is told of the user that Assay runs as.
import type { Finding } from "../model/capabilities.ts";

/** The line of `assay doctor` about root. `uid` is the effective user id. */
export function userFinding(uid: number): Finding {
  const about = { what: "root", needed: false } as const;
  if (uid === 0) return { ...about, can: "yes", detail: "uid 0" };
  return {
    ...about,
    can: "no",
    detail: `uid ${uid}`,
    cause: "building a root file system and looking at containers' files from the host take root",
    remedy: "sudo npm start",
  };
}
