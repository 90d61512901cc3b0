// Decides that engines are told apart by what they really answer to GET /version.
import { expect, test } from "vitest";
import { dialectOf, statusNamed } from "./docker-dialect.ts";

const component = (Name: string) => ({ Name, Version: "1", Details: {} }) as never;

test("docker 20.10", () => {
  const Components = ["Engine", "containerd", "runc", "docker-init"].map(component);
  expect(dialectOf({ Components })).toMatchObject({ name: "docker", cut: "ends", health: "watched", namesBegin: "" });
});

test("podman 4.3", () => {
  const Components = ["Podman Engine", "Conmon", "OCI Runtime (runc)"].map(component);
  expect(dialectOf({ Components })).toMatchObject({
    name: "podman",
    cut: "stays",
    health: "asked",
    namesBegin: "localhost/",
  });
});

test("an engine that names no components", () => {
  expect(dialectOf({} as never).name).toBe("docker");
});

test.each([
  ["stopped", "exited"],
  ["stopping", "running"],
  ["configured", "created"],
  ["initialized", "created"],
  ["exited", "exited"],
  ["paused", "paused"],
])("podman's %s is docker's %s", (word, status) => {
  expect(statusNamed(word)).toBe(status);
});
