// Decides that INFO is read as Redis 7 writes it.
import { expect, test } from "vitest";
import { readInfo } from "./redis.ts";

test("fields are told by their names, headings are not", () => {
  expect(
    readInfo("# Replication\r\nrole:master\r\nconnected_slaves:0\r\nexecutable:/usr/bin/redis-server:1\r\n\r\n"),
  ).toEqual({
    role: "master",
    connected_slaves: "0",
    executable: "/usr/bin/redis-server:1",
  });
  expect(readInfo("")).toEqual({});
});
