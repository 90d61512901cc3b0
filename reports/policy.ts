// What a run must have met before the container images of this project are released: `assay run docker-soe docker-web`, then `assay gate`.
// A title that holds an id or a port of the run is a pattern.
import { definePolicy } from "../harness/index.ts";

export const policy = definePolicy({
  required: {
    "specs/docker-soe-bash.spec.ts": {
      "root has a .bashrc of its own": [
        "package bash is installed",
        "file /root/.bashrc is a file",
        "file /root/.bashrc is owned by root:root",
        "file /root/.bashrc has mode 0644",
      ],
      "an interactive shell prompts with image, version, host and directory": [
        /command bash -i prints the error "\[vfx-studio-soe:.*\$:\/\]# exit\\n"/,
        /command bash -i prints the error "\[vfx-studio-soe:.*\$:\/srv\/studio\]# exit\\n"/,
      ],
      "name and version are those the playbook was given": [/file \/etc\/studio\/release has exactly the contents .*/],
    },
    "specs/docker-soe-clean.spec.ts": {
      "the first test finds nothing and leaves something everywhere": "every",
      "the second test finds nothing and leaves something everywhere": "every",
    },
    "specs/docker-soe-image.spec.ts": {
      "its name and version are in its labels": "every",
      "it starts bash as root in /, through no entrypoint": "every",
      "it exposes no port and declares no volume": "every",
    },
    "specs/docker-soe-names.spec.ts": {
      "name servers are the host's": "every",
      "the host name is the container's id, and resolves to its own address": "every",
      "each of them can be overridden": "every",
      "what one container overrides, another does not see": "every",
      "neighbours on a network find each other by name and by alias": "every",
    },
    "specs/docker-soe-ownership.spec.ts": {
      "a file made as root belongs to root on the host": "every",
      "a file made as 1000:1000 belongs to 1000:1000 on the host": "every",
      "the user 1000 has no passwd entry, and works all the same": "every",
      "the user that the image names writes as that user": "every",
      "a file made on the host is seen inside with the host's ids and mode": "every",
      "a directory of its own can be written, one of root's cannot, and it is said why": "every",
    },
    "specs/docker-soe-push.spec.ts": {
      "without a login the registry tells nothing": "every",
      "the image carries its name and version as its tag": "every",
      "pushed with the login, the registry has the image under its digest": "every",
      "a wrong password is refused, and nothing is stored": "every",
    },
    "specs/docker-soe-rights.spec.ts": {
      "only known programs run as root or as a group of the system, whoever starts them": "every",
      "no program but ping has a right of root's by itself": "every",
      "nothing can be changed by everybody, and everything belongs to somebody": "every",
    },
    "specs/docker-soe-storage.spec.ts": {
      "a volume is shared between containers, and is kept by the engine": "every",
      "a bind mount is the host's directory itself": "every",
      "a container that mounts another's storage read-only cannot write there": "every",
      "tmpfs is memory, as big as declared, and nobody else's": "every",
      "volume and bind mount outlive a restart, tmpfs does not": "every",
      "what is written beside them belongs to the container alone": "every",
    },
    "specs/docker-soe-studio.spec.ts": {
      "services have a user to run as": "every",
      "the studio's files belong to it, and to its group what is made there": "every",
      "only root may change the settings": "every",
      "the tools to look around with are installed": "every",
    },
    "specs/docker-soe-system.spec.ts": {
      "it is Debian 12, and gets packages from Debian alone, with signatures": "every",
      "what everything stands on is as its packages brought it": "every",
      "nobody has more rights than needed, nothing waits to run or to be spoken to": "every",
    },
    "specs/docker-web.spec.ts": {
      "the image names entrypoint, user, directory, port and stop signal": "every",
      "the daemon starts, says so, runs as studio and listens": "every",
      "it serves its directory, seen from inside and through the published port": "every",
      "its files belong to the user it runs as": "every",
      "asked to stop, it ends with status 0 and says so; started again, it serves again": "every",
    },
  },
  images: ["vfx-studio-soe", "studio-web"],
  maxAge: "24h",
  budgets: {
    images: { "vfx-studio-soe": { size: "250m" }, "studio-web": { size: "250m" } },
    ready: { "docker-soe/soe": "30s", "docker-web/web": "30s" },
  },
});
