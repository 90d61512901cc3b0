import { expect, test } from "vitest";
import { diskFinding, memoryFinding, memoryIn, sayBytes } from "./space.ts";

const meminfo =
  "MemTotal:       24684084 kB\nMemFree:        18850956 kB\nMemAvailable:   23072376 kB\nBuffers: 74924 kB\n";

test("memory of a recorded meminfo", () => {
  expect(memoryIn(meminfo)).toEqual({ total: 24684084 * 1024, available: 23072376 * 1024 });
  expect(memoryFinding(meminfo)).toMatchObject({ can: "yes", detail: "22.0 GiB available of 23.5 GiB" });
});

test("too little memory is a no with its remedy", () => {
  const little = meminfo.replace("23072376", "102400");
  expect(memoryFinding(little)).toMatchObject({ can: "no", detail: "100 MiB available of 23.5 GiB" });
  expect(memoryFinding(little).remedy).toBeDefined();
});

test("a meminfo without the line is unknown, not a no", () => {
  expect(memoryFinding("MemTotal: 1 kB\n").can).toBe("unknown");
});

test("a directory that does not exist yet is measured where it will be", () => {
  const finding = diskFinding("disk", "/tmp/not/there/yet");
  expect(["yes", "no"]).toContain(finding.can);
  expect(finding.detail).toMatch(/free at \/tmp\/not\/there\/yet$/);
});

test("a path through a file is unknown", () => {
  expect(diskFinding("disk", "/etc/passwd/state").can).toBe("unknown");
});

test.each([
  [2 * 1024 ** 3, "2.0 GiB"],
  [100 * 1024 ** 2, "100 MiB"],
])("%i bytes are said as %s", (bytes, said) => {
  expect(sayBytes(bytes)).toBe(said);
});
