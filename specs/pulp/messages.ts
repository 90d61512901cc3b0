// A message through the whole stack: a request becomes a task, the task a file of the worker's, the file is served by the web server.
import { all, type Check, expect, file, http, logs, mongodb, not } from "../../harness/index.ts";
import { type PulpTests, webOf } from "./nodes.ts";

/** Asked for with one request, and served soon: in between are two tasks. */
export function publishes(base: string, unit: string, body: string): { asked: Check; served: Check } {
  return {
    asked: http(`${base}/pulp/api/v2/repositories/reels/units/${unit}/`, { method: "POST", body }).answers(202),
    served: all(http(`${base}/pub/reels/${unit}`).answers(200), http(`${base}/pub/reels/${unit}`).bodyContains(body)),
  };
}

export function messages(test: PulpTests): void {
  test("what is uploaded is published by a worker, and served by the web server through its link", async ({
    host,
    manager,
    worker,
    web,
    syslog,
    database,
  }) => {
    const base = webOf(web);
    const reel = publishes(base, "one", "hello world\n");
    await expect(host).not.toMeet(reel.served);
    await expect(host).toMeet(reel.asked);
    await expect(host).toMeet(reel.served, { within: "10s" });
    const stored = all(
      file("/var/lib/pulp/content/reels/one").hasContents("hello world\n"),
      file("/var/lib/pulp/content/reels/one").ownedBy("apache", "apache"),
      file("/var/lib/pulp/content/reels/one").hasMode(0o644),
      file("/var/www/pub/reels/one").linksTo("/var/lib/pulp/content/reels/one"),
      file("/var/www/pub/reels/one").ownedBy("apache", "apache"),
    );
    await expect(worker).toMeet(stored);
    await expect(web).toMeet(stored);
    const units = http(`${base}/pulp/api/v2/repositories/reels/units/`);
    await expect(host).toMeet(units.json("[0].size").is(12), { within: "20s" });
    await expect(host).toMeet(all(units.json().hasLength(1), units.json("[0].name").is("one")));
    await expect(worker).toMeet(logs().contain("reels/one is published, 12 bytes"), { within: "20s" });
    await expect(manager).toMeet(logs().contain("is for any worker"), { within: "20s" });
    await expect(database).toMeet(
      all(
        mongodb().collection("pulp_database", "units").contains({ repo_id: "reels", name: "one", size: 12 }),
        mongodb().collection("pulp_database", "task_status").contains({ state: "finished" }),
      ),
      { within: "20s" },
    );
    // Each said it by /dev/log as well.
    await expect(syslog).toMeet(
      all(
        logs().contain(/pulp: pulp\.api:INFO: task [\w-]+: reels\/one is to be published/),
        logs().contain(/pulp: pulp\.tasks:INFO: task [\w-]+ is for any worker/),
        logs().contain(/pulp: pulp\.tasks:INFO: task [\w-]+: reels\/one is published/),
      ),
      { within: "20s" },
    );
  });

  test("a task for one worker goes to that one, and to nobody who is not there", async ({ host, web, worker }) => {
    const base = webOf(web);
    const at = (name: string) =>
      `${base}/pulp/api/v2/repositories/reels/units/direct/?worker=${encodeURIComponent(name)}`;
    const one = "reserved_resource_worker-1@pulp.studio.example";
    await expect(host).toMeet(http(`${base}/pulp/api/v2/status/`).json("workers").contains(one), { within: "20s" });
    await expect(host).toMeet(http(at(one), { method: "POST", body: "direct" }).answers(202));
    await expect(host).toMeet(http(`${base}/pub/reels/direct`).bodyContains("direct"), { within: "10s" });
    await expect(host).toMeet(http(at("nobody@nowhere"), { method: "POST", body: "direct" }).answers(400));
    await expect(worker).toMeet(logs().contain("reels/direct is published, 6 bytes"), { within: "20s" });
  });

  test("what cannot be published is refused, and leaves nothing", async ({ host, web, worker }) => {
    const api = `${webOf(web)}/pulp/api/v2`;
    const post = (url: string, body = "x") => http(url, { method: "POST", body });
    await expect(host).toMeet(
      all(
        post(`${api}/repositories/reels/units/a%20b/`).answers(400),
        post(`${api}/repositories/.hidden/units/x/`).answers(400),
        http(`${api}/repositories/reels/units/x/`).answers(405),
        http(`${api}/tasks/none/`).answers(404),
        http(`${api}/nothing/`).answers(404),
        post(`${api}/repositories/reels/units/large/`, "x".repeat(1024 * 1024 + 1)).answers(413),
        http(`${webOf(web)}/pub/`).answers(404),
        http(`${webOf(web)}/etc/passwd`).answers(404),
      ),
    );
    await expect(worker).toMeet(not(file("/var/www/pub/.hidden").exists()));
    expect(await worker.succeed(["ls", "/var/lib/pulp/uploads"])).toBe("");
  });

  test("the beat sends what is due, and a worker does it", async ({ host, web, beat, syslog }) => {
    await expect(beat).toMeet(logs().contain("Sending due task beat"), { within: "15s" });
    await expect(syslog).toMeet(
      logs().contain(/pulp: celery\.app\.trace:INFO: Task pulp_standin\.tasks\.note_beat\[.*succeeded/),
      {
        within: "15s",
      },
    );
    await expect(host).toMeet(
      http(`${webOf(web)}/pulp/api/v2/status/`)
        .json("server_name")
        .is("pulp.studio.example"),
    );
  });

  test("syslog that is restarted is found again by everybody", async ({ host, web, syslog }) => {
    await syslog.restart();
    const reel = publishes(webOf(web), "logged", "to the new socket\n");
    await expect(host).toMeet(reel.asked);
    await expect(host).toMeet(reel.served, { within: "10s" });
    await expect(syslog).toMeet(
      all(
        logs().contain(/pulp: pulp\.api:INFO: task [\w-]+: reels\/logged is to be published/),
        logs().contain(/pulp: pulp\.tasks:INFO: task [\w-]+: reels\/logged is published/),
      ),
      { within: "10s" },
    );
  });

  test("without a database the web server says so; what was on its way then is done when it is back", async ({
    host,
    web,
    manager,
    database,
  }) => {
    const base = webOf(web);
    const status = http(`${base}/pulp/api/v2/status/`, { timeout: "10s" });
    const reel = publishes(base, "patient", "worth waiting for\n");
    await manager.pause();
    await expect(host).toMeet(reel.asked);
    await database.kill();
    try {
      await manager.unpause();
      await expect(host).toMeet(all(status.answers(503), status.json("error").is("the database is away")));
      await expect(manager).toMeet(logs().contain(/reserve\[[\w-]+\] retry: Retry in 1s/), { within: "20s" });
      await expect(host).not.toMeet(reel.served);
    } finally {
      await database.start();
    }
    await expect(host).toMeet(status.answers(200), { within: "10s" });
    await expect(host).toMeet(reel.served, { within: "15s" });
    const units = http(`${base}/pulp/api/v2/repositories/reels/units/`);
    await expect(host).toMeet(units.json("[*].name").contains("patient"), { within: "20s" });
  });
}
