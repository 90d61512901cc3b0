// A machine that enforces SELinux, and containers on its engine that keep data in directories of the machine, each in its way.
import { mongodb } from "../fixtures/mongodb/recipe.ts";
import { soeSelinux, soeSelinuxPodman } from "../fixtures/selinux-machine/recipe.ts";
import { soe } from "../fixtures/vfx-studio-soe/recipe.ts";
import {
  bind,
  type ContainerOptions,
  container,
  defineEnvironment,
  scratch,
  type VmOptions,
  vm,
} from "../harness/index.ts";
import { serves, tries } from "./mongodb.ts";

/** As the database runs: by ids that nobody has a name for. */
const mongo = { user: "184:998", on: "machine" };
const data = { owner: { uid: 184, gid: 998 }, mode: 0o755 };

/** The policy, the engine and, where there are containers, their images: an emulated guest among others takes its time. */
const machine = ({ image = soeSelinux, ...options }: Partial<Pick<VmOptions, "tolerates" | "image">> = {}) =>
  vm({ image, memory: "512m", vcpus: 2, ready: { within: "8m" }, ...options });
const database = (options: Pick<ContainerOptions, "mounts" | "volumesFrom">) =>
  container({ image: soe, idle: true, ...mongo, ...options });

/** The machine alone. */
export const selinuxMachine = defineEnvironment("selinux-machine", { nodes: { machine: machine() } });

/** `plain` has a directory as root makes it, and `successor` what `plain` left; the engine relabels nothing of theirs. */
export const selinuxLabels = defineEnvironment("selinux-labels", {
  nodes: {
    machine: machine(),
    plain: database({ mounts: { "/data/db": scratch() } }),
    successor: database({ volumesFrom: ["plain"] }),
    // Relabelled at each start: for one container alone, or for all that have it.
    own: database({ mounts: { "/data/db": scratch({ ...data, selinux: "Z" }) } }),
    stranger: database({ volumesFrom: ["own"] }),
    shared: database({ mounts: { "/data/db": bind("/srv/studio", { selinux: "z" }) } }),
    partner: database({ mounts: { "/data/db": bind("/srv/studio", { selinux: "z" }) } }),
  },
});

/** The database itself, as its image starts it. What cannot work at first is started again when it can. */
const mongod = (options: Pick<ContainerOptions, "mounts" | "volumesFrom" | "ready">) =>
  container({ image: mongodb, on: "machine", ...options });
const path = "/var/lib/mongodb";

const mongodbOn = (name: string, image: typeof soeSelinux) =>
  defineEnvironment(name, {
    nodes: {
      // From the first container's start on: each tries what is only made good for it in a test.
      machine: machine({
        image,
        tolerates: { "avc-denial": "what is denied here, and by what, is what is asserted" },
      }),
      /** On a directory as root makes it, which nobody relabels. */
      mongo: mongod({ mounts: { [path]: scratch() }, ready: tries }),
      /** A new container on what that one left. */
      successor: mongod({ volumesFrom: ["mongo"], ready: tries }),
      // The studio's directory, relabelled at each start for all that have it.
      shared: mongod({ mounts: { [path]: bind("/srv/studio", { selinux: "z" }) }, ready: tries }),
      partner: mongod({ mounts: { [path]: bind("/srv/studio", { selinux: "z" }) }, ready: tries }),
      // Relabelled for one alone, and what another makes of that.
      own: mongod({ mounts: { [path]: scratch({ ...data, selinux: "Z" }) }, ready: serves }),
      stranger: mongod({ volumesFrom: ["own"], ready: tries }),
    },
  });

export const selinuxMongodb = mongodbOn("selinux-mongodb", soeSelinux);
/** The same on podman. */
export const selinuxMongodbPodman = mongodbOn("selinux-mongodb-podman", soeSelinuxPodman);
