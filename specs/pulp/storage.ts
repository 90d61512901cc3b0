// Storage of the stack: what the content image ships is in the volumes, which worker and web server share; what is configured is in server.conf.
import { brokerUser, serverName } from "../../environments/pulp.ts";
import { apache, dataDirectories } from "../../fixtures/pulp/recipe.ts";
import {
  all,
  type ContainerNode,
  command,
  expect,
  file,
  image,
  logs,
  mount,
  not,
  process,
} from "../../harness/index.ts";
import type { PulpTests } from "./nodes.ts";

/** What roles are told of where a node is: by default, what it is called. */
export function storage(test: PulpTests, at: (node: ContainerNode) => string = ({ name }) => name): void {
  test("fresh volumes have what the image ships there, and whose it is", async ({ content, worker, web }) => {
    await expect(content).toMeet(all(image().hasVolume("/var/lib/pulp"), image().hasVolume("/var/www")));
    for (const node of [content, worker, web])
      await expect(node).toMeet(
        all(
          mount("/var/lib/pulp").exists(),
          mount("/var/www").exists(),
          file("/var/lib/pulp/static/about.txt").contains("stand-in"),
          file("/var/www/html").ownedBy("root", "root"),
          ...dataDirectories.map((path) => all(file(path).isDirectory(), file(path).ownedBy("apache", "apache"))),
        ),
      );
  });

  test("worker and web server have the content's volumes themselves", async ({ content, worker, web, host }) => {
    for (const path of ["/var/lib/pulp", "/var/www"]) {
      await expect(content).toMeet(mount(path).exists());
      expect(worker.mountSource(path)).toBe(content.mountSource(path));
      expect(web.mountSource(path)).toBe(content.mountSource(path));
    }
    await worker.succeed(["touch", "/var/lib/pulp/celery/shared"], { user: "apache" });
    await expect(web).toMeet(file("/var/lib/pulp/celery/shared").ownedBy("apache", "apache"));
    await expect(host).toMeet(file(content.mountSource("/var/lib/pulp/celery/shared")).ownedBy(apache.uid, apache.gid));
  });

  test("who does not work with content has none of it", async ({ beat, manager }) => {
    for (const node of [beat, manager]) await expect(node).not.toMeet(mount("/var/lib/pulp").exists());
  });

  test("each role's settings are those of its environment, and apache's to read", async ({
    beat,
    manager,
    worker,
    web,
    database,
    broker,
  }) => {
    const conf = file("/etc/pulp/server.conf");
    const { user, password } = brokerUser;
    for (const node of [beat, manager, worker, web])
      await expect(node).toMeet(
        all(
          conf.ini("server.server_name").is(serverName),
          conf.ini("database.seeds").is(`${at(database)}:27017`),
          conf.ini("messaging.url").is(`tcp://${at(broker)}:5672`),
          conf.ini("tasks.broker_url").is(`amqp://${user}:${password.reveal()}@${at(broker)}:5672//`),
          conf.hasMode(0o640),
          conf.ownedBy("root", "apache"),
          logs().contain(`/etc/pulp/server.conf is for ${serverName}`),
          not(logs().contain(password.reveal())),
        ),
      );
  });

  test("each role runs as apache, and nothing but the web server's first process as root", async ({
    beat,
    manager,
    worker,
    web,
  }) => {
    for (const node of [beat, manager, worker]) await expect(node).toMeet(process("python3").runsAs("apache"));
    await expect(web).toMeet(
      command(["ps", "-C", "apache2", "-o", "euser=,args="]).prints(
        /^root +apache2 .*-DFOREGROUND\n(apache +(apache2|wsgi:pu) .*\n)+$/,
      ),
    );
  });
}
