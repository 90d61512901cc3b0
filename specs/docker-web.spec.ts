// A daemon as its image starts it: what is tested is the entrypoint, not a shell put in its place.
import { dockerWeb } from "../environments/docker-soe.ts";
import { all, expect, file, http, image, logs, port, process, state, testIn } from "../harness/index.ts";

const test = testIn(dockerWeb);

test("the image names entrypoint, user, directory, port and stop signal", async ({ web }) => {
  await expect(web).toMeet(
    all(
      image().hasEntrypoint(["/usr/local/bin/studio-web"]),
      image().hasUser("studio"),
      image().hasWorkdir("/srv/studio"),
      image().exposes("8080/tcp"),
      image().hasEnv("STUDIO_WEB_PORT", "8080"),
    ),
  );
});

test("the daemon starts, says so, runs as studio and listens", async ({ web }) => {
  await expect(web).toMeet(logs().contain("listening on 8080 as uid 1500"), { within: "10s" });
  await expect(web).toMeet(
    all(
      process("studio-web").isRunning(),
      process("studio-web").hasCount(1),
      process("studio-web").runsAs("studio"),
      port(8080).isListening(),
    ),
  );
});

test("it serves its directory, seen from inside and through the published port", async ({ web, host }) => {
  const { host: address, port: published } = web.port(8080);
  for (const [node, url] of [
    [web, "http://127.0.0.1:8080/"],
    [host, `http://${address}:${published}/`],
  ] as const) {
    await expect(node).toMeet(
      all(
        http(url).answers(200),
        http(url).hasHeader("server", /^studio-web/),
        http(url).bodyContains("<h1>Studio</h1>"),
      ),
    );
  }
  await expect(host).toMeet(http(`http://${address}:${published}/nothing-here`).answers(404));
  await expect(web).toMeet(logs().contain("GET /nothing-here"), { within: "5s" });
});

test("its files belong to the user it runs as", async ({ web }) => {
  await expect(web).toMeet(
    all(
      file("/srv/studio/site").ownedBy("studio", "studio"),
      file("/srv/studio/site").hasMode(0o2755),
      file("/usr/local/bin/studio-web").ownedBy("root", "root"),
      file("/usr/local/bin/studio-web").hasMode(0o755),
    ),
  );
});

test("asked to stop, it ends with status 0 and says so; started again, it serves again", async ({ web, host }) => {
  // Who does not end by itself is killed, with another status.
  const { status } = await web.stop();
  expect(status).toBe(0);
  await expect(web).toMeet(all(state().exitedWith(0), logs().contain("stopped")));
  await web.start();
  const { host: address, port: published } = web.port(8080);
  await expect(host).toMeet(http(`http://${address}:${published}/`).answers(200), { within: "5s" });
});
