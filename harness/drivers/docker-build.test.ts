// Which images a builder's output tells of, in docker's words and in podman's.
import { expect, test } from "vitest";
import { StepImages } from "./docker-build.ts";

const made = (...pieces: string[]) => {
  const steps = new StepImages();
  for (const piece of pieces) steps.hear(piece);
  return steps.made;
};

test("docker 20.10: what a stage starts from is nobody's step; ids come in pieces", () => {
  const said =
    "Step 1/5 : FROM sha256:c15afd84b7f5 AS made\n\n ---> c15afd84b7f5\nStep 2/5 : ARG LEVEL=1\n\n ---> Running in 8a51\n" +
    "Removing intermediate container 8a51\n ---> 610e7ba4071d\nStep 3/5 : FROM scratch AS thin\n\n ---> \n" +
    "Step 4/5 : COPY --from=made /a /a\n\n ---> f3fce175a7f9\nSuccessfully built f3fce175a7f9\n";
  expect(made(said)).toEqual(["610e7ba4071d", "f3fce175a7f9"]);
  expect(made(...(said.match(/[\s\S]{1,7}/g) ?? []))).toEqual(["610e7ba4071d", "f3fce175a7f9"]);
});

test("podman 4.3", () => {
  expect(
    made(
      "[1/2] STEP 1/3: FROM sha256:c15afd84b7f5 AS made\n[1/2] STEP 2/3: ARG LEVEL=1\n--> c09e6a6daf7\n",
      "[2/2] STEP 1/2: FROM scratch AS thin\n[2/2] STEP 2/2: COPY --from=made /a /a\n--> 9f957c82d1f\n[2/2] COMMIT\n--> ca2eec2f0aa\n",
      "STEP 1/2: FROM x\nSTEP 2/2: RUN true\n--> 50bd5dad6ef\n",
    ),
  ).toEqual(["c09e6a6daf7", "9f957c82d1f", "ca2eec2f0aa", "50bd5dad6ef"]);
});
