// The stack as pods, on Qpid: all that it is as containers, and what pods add to it.
import { pulpPods } from "../environments/pulp-pods.ts";
import { testIn } from "../harness/index.ts";
import { messages } from "./pulp/messages.ts";
import { queuesOfRoles } from "./pulp/queues-of-roles.ts";
import { replacement } from "./pulp/replacement.ts";
import { storage } from "./pulp/storage.ts";

const test = testIn(pulpPods);

// By what the variables of the services say.
storage(test, (node) => node.address());
messages(test);
replacement(test);
queuesOfRoles(test);
