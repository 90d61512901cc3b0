// The roles of the stand-in for Pulp start, or say why they do not.
import { pulpStart } from "../environments/pulp-start.ts";
import { testIn } from "../harness/index.ts";
import { database } from "./pulp/database.ts";
import { wrongSettings } from "./pulp/wrong-settings.ts";

const test = testIn(pulpStart);

wrongSettings(test);
database(test);
