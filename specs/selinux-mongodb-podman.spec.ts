// A database on directories of a machine that enforces SELinux, by podman.
import { selinuxMongodbPodman } from "../environments/selinux.ts";
import { testIn } from "../harness/index.ts";
import { mongodbSteps } from "./selinux/mongodb-steps.ts";

mongodbSteps(testIn(selinuxMongodbPodman));
