// Isolation: with a clean environment for each test, no test sees what another did.
import { dockerStorage } from "../environments/docker-soe.ts";
import { all, expect, file, testIn } from "../harness/index.ts";

const test = testIn(dockerStorage, { isolation: "test" });

for (const turn of ["first", "second"]) {
  test(`the ${turn} test finds nothing and leaves something everywhere`, async ({ writer }) => {
    const places = ["/films/left", "/vfx/left", "/cache/left", "/etc/left"];
    for (const path of places) await expect(writer).not.toMeet(file(path).exists());
    await writer.succeed(["touch", ...places]);
    await expect(writer).toMeet(all(...places.map((path) => file(path).exists())));
  });
}
