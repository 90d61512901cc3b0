// The stack as pods, on Qpid: where content lies and how it gets there, as with containers; and what pods add: services, and replacement.
import { pulpPods } from "../environments/pulp-pods.ts";
import { testIn } from "../harness/index.ts";
import { messages } from "./pulp/messages.ts";
import { replacement } from "./pulp/replacement.ts";
import { storage } from "./pulp/storage.ts";

const test = testIn(pulpPods);

// By what the variables of the services say.
storage(test, (node) => node.address());
messages(test);
replacement(test);
