// The stack on Qpid: its queues, and what becomes of it when the broker goes.
import { pulpQpid } from "../environments/pulp.ts";
import { testIn } from "../harness/index.ts";
import { queuesOfRoles } from "./pulp/queues-of-roles.ts";

queuesOfRoles(testIn(pulpQpid));
