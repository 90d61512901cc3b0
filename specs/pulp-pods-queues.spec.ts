// The stack as pods, on Qpid: its queues, and what becomes of it when the broker goes, as with containers.
import { pulpPods } from "../environments/pulp-pods.ts";
import { testIn } from "../harness/index.ts";
import { queuesOfRoles } from "./pulp/queues-of-roles.ts";

queuesOfRoles(testIn(pulpPods));
