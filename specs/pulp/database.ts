// The database of the stack: migrated once, by the beat; what it has acknowledged, it keeps.
import { all, command, type ContainerNode, expect, logs } from "../../harness/index.ts";
import type { PulpTests } from "./nodes.ts";
