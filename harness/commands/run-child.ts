// Decides how the child of a run begins: vitest's first worker is started before vitest is loaded, and gets ready beside it, so
// that a spec waits for one of the two start-ups and not for both. Takes vitest's arguments.
import { packageDirectory } from "../place.ts";
import { startEarly } from "../vitest/early-worker.ts";

// With several projects nobody knows whose worker is wanted first.
if (process.argv.filter((word) => word === "--project").length === 1) startEarly(process.env);
// By its path: the package does not export its program.
await import(new URL("vitest.mjs", packageDirectory("vitest")).href);
