// The stack on Qpid: where content lies, and how it gets there.
import { pulpQpid } from "../environments/pulp.ts";
import { testIn } from "../harness/index.ts";
import { messages } from "./pulp/messages.ts";
import { storage } from "./pulp/storage.ts";

const test = testIn(pulpQpid);

storage(test);
messages(test);
