// Pods of Kubernetes on an engine: one network and shared volumes in a pod, services by variables and names, and who dies comes back.
import { studioPods } from "../environments/studio-pods.ts";
import {
  all,
  command,
  expect,
  file,
  http,
  logs,
  mount,
  port,
  process,
  shell,
  state,
  testIn,
} from "../harness/index.ts";

const test = testIn(studioPods);

test("containers of a pod have one network: loopback, address, host name", async ({ server, editor, browser }) => {
  await expect(editor).toMeet(
    all(port(8080).isListening(), http("http://127.0.0.1:8080/").answers(200), command(["hostname"]).prints("web")),
  );
  await expect(browser).not.toMeet(port(8080).isListening());
  expect(editor.address()).toBe(server.address());
  expect(browser.address()).not.toBe(server.address());
});

test("and not one table of processes", async ({ editor }) => {
  await expect(editor).not.toMeet(process("studio-web").isRunning());
});

test("a service is known by its variables, as Kubernetes gives them", async ({ server, browser }) => {
  const address = server.address();
  const env = await browser.succeed(["env"]);
  expect(
    env
      .split("\n")
      .filter((line) => line.startsWith("PAGES_"))
      .sort(),
  ).toEqual([
    `PAGES_PORT=tcp://${address}:8080`,
    `PAGES_PORT_8080_TCP=tcp://${address}:8080`,
    `PAGES_PORT_8080_TCP_ADDR=${address}`,
    "PAGES_PORT_8080_TCP_PORT=8080",
    "PAGES_PORT_8080_TCP_PROTO=tcp",
    `PAGES_SERVICE_HOST=${address}`,
    "PAGES_SERVICE_PORT=8080",
    "PAGES_SERVICE_PORT_HTTP=8080",
  ]);
  expect(env).toContain(`PAGE=http://${address}:8080/index.html`);
});

test("and by its names, the short one and those of the cluster", async ({ browser }) => {
  for (const name of ["pages", "pages.default", "pages.default.svc.cluster.local"])
    await expect(browser).toMeet(http(`http://${name}:8080/index.html`).bodyContains("<h1>Shots</h1>"));
});

test("its node port is on this machine's loopback", async ({ host, server }) => {
  const { host: address, port: published } = server.port(8080);
  expect(address).toBe("127.0.0.1");
  await expect(host).toMeet(http(`http://${address}:${published}/index.html`).answers(200));
});

test("what a pod says of itself is in its variables", async ({ server }) => {
  const env = await server.succeed(["env"]);
  expect(env).toContain("POD_NAME=web");
  expect(env).toContain(`SELF=http://${server.address()}:8080/$(literal)`);
});

test("a claim is the group's that the pod names, and two containers have it", async ({ server, editor, host }) => {
  await expect(server).toMeet(all(file("/srv/pages").ownedBy(0, 1500), file("/srv/pages").hasMode(0o2775)));
  await editor.succeed(shell("echo take 2 > /pages/reel"));
  await expect(server).toMeet(file("/srv/pages/reel").ownedBy(1000, 1500));
  await expect(host).toMeet(file(`${server.mountSource("/srv/pages")}/reel`).contains("take 2"));
  await expect(server).toMeet(http("http://127.0.0.1:8080/reel").bodyContains("take 2"));
});

test("what comes first has ended, and left what it made in a directory of the pod's", async ({ editor }) => {
  await expect(editor).toMeet(file("/var/spool/studio/first-page").contains("made"));
});

test("a ConfigMap is files that nobody writes, whole or one of them", async ({ server, editor }) => {
  await expect(server).toMeet(
    all(
      file("/etc/studio/root").contains("/srv/pages"),
      file("/etc/studio/studio.conf").hasMode(0o444),
      mount("/etc/studio").hasOption("ro"),
    ),
  );
  await expect(editor).toMeet(file("/etc/studio.conf").contains('studio = "milla"'));
});

test("who dies is started again, with its data and its address", async ({ server, editor, browser }) => {
  await editor.succeed(shell("echo take 3 > /pages/kept"));
  const [address, { restarts }] = [server.address(), await server.state()];
  await server.crash();
  await expect(server).toMeet(state().hasRestarted(restarts + 1), { within: "20s" });
  await expect(server).toMeet(http("http://127.0.0.1:8080/kept").bodyContains("take 3"), { within: "10s" });
  expect(server.address()).toBe(address);
  await expect(browser).toMeet(http("http://pages:8080/kept").answers(200));
});

test("so is who ends by itself, and it says so twice", async ({ server }) => {
  const { restarts } = await server.state();
  await server.exec(shell("kill -TERM 1"));
  await expect(server).toMeet(state().hasRestarted(restarts + 1), { within: "20s" });
  await expect(server).toMeet(all(logs().contain("stopped"), http("http://127.0.0.1:8080/").answers(200)), {
    within: "10s",
  });
});
