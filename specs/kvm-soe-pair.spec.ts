// Two machines of one image: each has an identity of its own, and both are brought back as one.
import { kvmPair } from "../environments/kvm-soe.ts";
import { expect, file, shell, testIn } from "../harness/index.ts";

const test = testIn(kvmPair, { isolation: "test" });

test("no two machines have the same id, host keys or random seed", async ({ first, second }) => {
  const identity = "cat /etc/machine-id /etc/ssh/ssh_host_*_key.pub | cut -d ' ' -f 1,2 | sort";
  const [one = "", other = ""] = await Promise.all([first, second].map((machine) => machine.succeed(shell(identity))));
  const lines = one.split("\n");
  expect(lines.length).toBeGreaterThanOrEqual(2);
  expect(other.split("\n").filter((line) => lines.includes(line))).toEqual([]);
});

for (const turn of ["first", "second"]) {
  test(`the ${turn} test finds both machines clean, and leaves something on both`, async ({ first, second }) => {
    for (const machine of [first, second]) {
      await expect(machine).not.toMeet(file("/root/left").exists());
      await machine.succeed(["touch", "/root/left"]);
    }
  });
}
