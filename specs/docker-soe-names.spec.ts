// Names: a container takes them from its host, unless it is told otherwise.
import { dockerNames } from "../environments/docker-soe.ts";
import { all, dns, expect, file, testIn } from "../harness/index.ts";

const test = testIn(dockerNames);

test("name servers are the host's", async ({ inherited, host }) => {
  const servers = (text: string) => text.split("\n").filter((line) => line.startsWith("nameserver"));
  const ofHost = servers(await host.succeed(["cat", "/etc/resolv.conf"]));
  // The engine leaves out those of the host's loopback: nothing answers there in a container.
  const reachable = ofHost.filter((line) => !/\s127\./.test(line));
  expect(reachable.length).toBeGreaterThan(0);
  expect(servers(await inherited.succeed(["cat", "/etc/resolv.conf"]))).toEqual(reachable);
});

test("the host name is the container's id, and resolves to its own address", async ({ inherited }) => {
  expect(await inherited.succeed(["hostname"])).toBe(inherited.id.slice(0, 12));
  await expect(inherited).toMeet(dns(inherited.id.slice(0, 12)).resolvesTo(inherited.address()));
  await expect(inherited).toMeet(dns("localhost").resolves());
});

test("each of them can be overridden", async ({ overridden }) => {
  await expect(overridden).toMeet(
    all(
      file("/etc/resolv.conf").contains("nameserver 192.0.2.53\nnameserver 192.0.2.54\n"),
      file("/etc/resolv.conf").contains(/^search studio\.example$/m),
      file("/etc/resolv.conf").contains(/^options ndots:2 timeout:1$/m),
      dns("render-01").resolvesTo("192.0.2.7"),
    ),
  );
  expect(await overridden.succeed(["hostname"])).toBe("milla");
  await expect(overridden).toMeet(dns("milla").resolvesTo(overridden.address()));
});

test("what one container overrides, another does not see", async ({ inherited }) => {
  await expect(inherited).not.toMeet(file("/etc/hosts").contains("render-01"));
  await expect(inherited).not.toMeet(file("/etc/resolv.conf").contains("studio.example"));
});

test("neighbours on a network find each other by name and by alias", async ({ asker, neighbour }) => {
  await expect(asker).toMeet(
    all(
      dns("neighbour").resolvesTo(neighbour.address("studio")),
      dns("licences").resolvesTo(neighbour.address("studio")),
    ),
  );
  await asker.succeed(["ping", "-c", "1", "-W", "5", "licences"]);
});
