// Decides what is read of Python's, Ruby's and Node's packages, and that an interpreter that fails is no "not installed".
import { expect, test } from "vitest";
import { hostNode } from "../drivers/shell-node.ts";
import { DeclarationError, ObservationError } from "../model/errors.ts";
import { probeContract } from "./contract.ts";
import { framed } from "./frames.ts";
import { gem, gemVersions, npm, pip, pythonVersions } from "./language-package.ts";

test("Python", () => {
  const output = {
    status: 0,
    stdout: framed([
      ["version 23.0.1\n", "0"],
      ["none\n", "0"],
      ["Traceback: ImportError\n", "1"],
      ["sh: not found\n", "127"],
    ]),
    stderr: "",
  };
  expect(pythonVersions.parse(output, ["python3 pip", "python3 x", "python3 y", "/venv/bin/python z"])).toEqual([
    "23.0.1",
    undefined,
    expect.objectContaining({ code: "probe-unreadable" }),
    expect.objectContaining({ code: "probe-missing", seen: expect.stringContaining("/venv/bin/python") }),
  ]);
});

test("gems, as gem 3.3 lists them", () => {
  const text = "base64 (default: 0.1.1)\nbundler (2.4.1, default: 2.3.7)\nnokogiri (1.13.10 x86_64-linux)\n";
  expect(
    gemVersions.parse({ status: 0, stdout: Buffer.from(text), stderr: "" }, ["base64", "bundler", "nokogiri", "x"]),
  ).toEqual([["0.1.1"], ["2.4.1", "2.3.7"], ["1.13.10"], []]);
  for (const wrong of ["", "nonsense: is all it says\n"])
    expect(() => gemVersions.parse({ status: 0, stdout: Buffer.from(wrong), stderr: "" }, ["x"])).toThrow(
      ObservationError,
    );
});

test("Node's, for real: where it is, where it is not, where its file is broken", async () => {
  const node = hostNode();
  const place = await node.succeed(["mktemp", "-d"]);
  const write =
    "mkdir -p $1/node_modules/good $1/node_modules/bad; echo '{\"version\":\"4.19.2\"}' >$1/node_modules/good/package.json; echo '{' >$1/node_modules/bad/package.json";
  await node.succeed(["sh", "-c", write, "sh", place]);
  const met = async (check: ReturnType<ReturnType<typeof npm>["isInstalled"]>) =>
    check.judge(await check.observe(node));
  expect(await met(npm("good", { in: place }).hasVersion("4.19"))).toMatchObject({ met: true });
  expect(await met(npm("absent", { in: place }).isInstalled())).toMatchObject({
    met: false,
    seen: "it is not installed",
  });
  await expect(npm("bad", { in: place }).isInstalled().observe(node)).rejects.toThrow(ObservationError);
  await node.succeed(["rm", "-r", place]);
  await node.close();
});

test.each([
  () => pip("a b"),
  () => pip("requests", { python: "-c" }),
  () => gem("../x"),
  () => npm("a/b/c"),
  () => npm("x", { in: "srv" }),
])("%s is refused", (make) => {
  expect(make).toThrow(DeclarationError);
});

probeContract(hostNode, {
  probe: pythonVersions,
  subject: "python3 pip",
  tools: ["python3"],
  elsewhere: "a Python package",
});
probeContract(hostNode, { probe: gemVersions, subject: "rake", tools: ["gem"], elsewhere: "Ruby" });
