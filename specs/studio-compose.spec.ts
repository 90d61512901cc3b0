// A compose file on an engine: order by conditions, names, volumes, and what a service may.
import { studioCompose } from "../environments/studio-compose.ts";
import { all, expect, file, http, mount, process, state, testIn } from "../harness/index.ts";

const test = testIn(studioCompose);

test("what is to end first has ended, and what is to be healthy is", async ({ first, server }) => {
  await expect(first).toMeet(state().exitedWith(0));
  await expect(server).toMeet(state().isHealthy(), { within: "10s" });
});

test("a variable of the file is what was given for it", async ({ browser }) => {
  await expect(browser).toMeet(http("http://web:8080/").bodyContains("<h1>Dailies</h1>"));
});

test("one volume, read-only for who says so", async ({ server }) => {
  await expect(server).toMeet(all(file("/srv/pages/index.html").exists(), mount("/srv/pages").hasOption("ro")));
});

test("a port without an address is on loopback", async ({ host, server }) => {
  const { host: address, port } = server.port(8080);
  expect(address).toBe("127.0.0.1");
  await expect(host).toMeet(http(`http://${address}:${port}/`).answers(200));
});

test("user, memory and capabilities are the file's, those merged in among them", async ({ browser }) => {
  expect(await browser.succeed(["id", "-u"])).toBe("1000");
  await expect(browser).toMeet(all(mount("/tmp").hasOption("size=8192k"), process("sleep").isRunning()));
  const bounding = await browser.succeed(["sh", "-c", "grep CapBnd /proc/self/status"]);
  // CAP_NET_RAW is bit 13.
  expect(BigInt(`0x${bounding.split(/\s+/)[1]}`) & (1n << 13n)).toBe(0n);
});

test("who dies is started again", async ({ server, browser }) => {
  await server.crash();
  await expect(server).toMeet(state().hasRestarted(), { within: "20s" });
  await expect(browser).toMeet(http("http://web:8080/").answers(200), { within: "10s" });
});
