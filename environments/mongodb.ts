// A database on directories of its host, as somebody meets it who sets it up for the first time, and in ways that cannot work.
import { mongodb } from "../fixtures/mongodb/recipe.ts";
import { type ContainerOptions, container, defineEnvironment, scratch } from "../harness/index.ts";

const path = "/var/lib/mongodb";
/** What a start is waited for by that goes well. */
export const serves = { log: /Waiting for connections/, within: "3m" } as const;
/** Of one that cannot: how it ends is for the specs to say, as it is the image that is judged. */
export const tries = { started: true } as const;

const database = (options: Partial<ContainerOptions>) => container({ image: mongodb, memory: "128m", ...options });

export const mongodbStorage = defineEnvironment("mongodb-storage", {
  nodes: {
    /** On a volume that the engine makes, as the image says. */
    inside: database({ ready: serves }),
    /** On a directory as the host makes it: root's. */
    mongo: database({ mounts: { [path]: scratch() }, ready: tries }),
    /** A new container on the same one. */
    successor: database({ volumesFrom: ["mongo"], ready: tries }),
    /** The directory is the database's, and the user is another. */
    stranger: database({
      user: "1000:1000",
      mounts: { [path]: scratch({ owner: { uid: 184, gid: 998 } }) },
      ready: tries,
    }),
    /** Told to use a directory that nobody made. */
    nowhere: database({ command: ["--dbpath", "/srv/mongodb"], ready: tries }),
  },
});
