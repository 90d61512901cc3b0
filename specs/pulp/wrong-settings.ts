// A role that cannot start says why, by a message and by an exit status of its own, and does not become the role.
import { brokerUser } from "../../environments/pulp.ts";
import { all, type ContainerNode, expect, file, logs, not, type TestsOn } from "../../harness/index.ts";

export interface StartNodes {
  readonly beat: ContainerNode;
  readonly place: ContainerNode;
  readonly logless: ContainerNode;
  readonly lensless: ContainerNode;
  readonly unwritable: ContainerNode;
  readonly stranger: ContainerNode;
}

/** All that a role needs; quick to give up. */
const right = {
  PULP_SERVER_NAME: "pulp.studio.example",
  DB_SERVICE_HOST: "database",
  MSG_SERVICE_HOST: "broker",
  MSG_SERVICE_USER: brokerUser.user,
  MSG_SERVICE_PASSWORD: brokerUser.password.reveal(),
  DB_TEST_TRIES: "2",
  DB_TEST_POLLRATE: "0.2",
  MSG_TEST_TRIES: "2",
  MSG_TEST_POLLRATE: "0.2",
};
type Settings = Readonly<Record<string, string>>;

/** What is otherwise than right, how it ends, what it says. */
const wrong: readonly (readonly [what: string, settings: Settings, status: number, message: string])[] = [
  [
    "no database host at all: loopback is tried, then it is said which variable is not set",
    { DB_SERVICE_HOST: "" },
    24,
    "no database to use at 127.0.0.1:27017 after 2 tries, 0.2 s apart: connection refused; neither DB_SERVICE_HOST nor SERVICE_HOST is set",
  ],
  [
    "a database host that there is not",
    { DB_SERVICE_HOST: "datebase" },
    20,
    "no database to use at datebase:27017 after 2 tries, 0.2 s apart: no such host",
  ],
  [
    "a database port at which nobody listens",
    { DB_SERVICE_PORT: "27018" },
    21,
    "no database to use at database:27018 after 2 tries, 0.2 s apart: connection refused",
  ],
  [
    "a database port at which somebody else listens",
    { DB_SERVICE_HOST: "broker", DB_SERVICE_PORT: "5672" },
    23,
    "no database to use at broker:5672 after 2 tries, 0.2 s apart: something listens there that is no MongoDB",
  ],
  [
    "a port that is none",
    { DB_SERVICE_PORT: "tcp://10.0.0.1:27017" },
    2,
    'DB_SERVICE_PORT is "tcp://10.0.0.1:27017", which is no port',
  ],
  [
    "tries that are no number",
    { DB_TEST_TRIES: "many" },
    2,
    'DB_TEST_TRIES is "many", which is no number of tries or seconds',
  ],
  [
    "a broker host that there is not",
    { MSG_SERVICE_HOST: "brocker" },
    30,
    "no broker to use at brocker:5672 after 2 tries, 0.2 s apart: no such host",
  ],
  [
    "a broker that is down",
    { MSG_SERVICE_PORT: "5673" },
    31,
    "no broker to use at broker:5673 after 2 tries, 0.2 s apart: connection refused",
  ],
  [
    "a broker port at which somebody else listens",
    { MSG_SERVICE_HOST: "database", MSG_SERVICE_PORT: "27017" },
    33,
    "no broker to use at database:27017 after 2 tries, 0.2 s apart: something listens there that is no AMQP 0-9-1 broker",
  ],
  [
    "a password that the broker does not know",
    { MSG_SERVICE_PASSWORD: "guessed-wrong" },
    34,
    "no broker to use at broker:5672 after 2 tries, 0.2 s apart: it refuses the login of pulp",
  ],
  [
    "a server name that would be two lines",
    { PULP_SERVER_NAME: "pulp\nbroker_url" },
    11,
    "[server] server_name cannot be what it would be: a character that no name has",
  ],
];

export function wrongSettings(test: TestsOn<StartNodes>): void {
  /** The run script ends with this status and says this; it never got to be celery. */
  const fails = async (node: ContainerNode, env: Settings, status: number, message: string) => {
    const { status: seen, stdout, stderr } = await node.exec(["/run.sh"], { env });
    expect(stderr).toContain(`start-up: failed: ${message}`);
    expect(seen).toBe(status);
    expect(stdout).not.toContain("becoming celery");
    expect(stdout + stderr).not.toContain(right.MSG_SERVICE_PASSWORD);
    return stdout;
  };

  for (const [what, settings, status, message] of wrong)
    test(what, async ({ place }) => {
      const stdout = await fails(place, { ...right, ...settings }, status, message);
      // It waited as it was told before it gave up.
      if (status >= 20) expect(stdout).toContain("try 2 of 2: ");
    });

  test("without a word about tries it is twelve, 5 s apart", async ({ place }) => {
    const { DB_TEST_TRIES: _, DB_TEST_POLLRATE: __, ...rest } = right;
    const { status, stdout } = await place.exec(["timeout", "8", "/run.sh"], {
      env: { ...rest, DB_SERVICE_PORT: "27018" },
    });
    expect(stdout.match(/try \d+ of \d+/g)).toEqual(["try 1 of 12", "try 2 of 12"]);
    expect(status).toBe(124);
  });

  test("without a server name the default is used, and it is said", async ({ beat }) => {
    await expect(beat).toMeet(
      all(
        logs().contain("start-up: PULP_SERVER_NAME is not set: pulp.example.com is used"),
        file("/etc/pulp/server.conf").ini("server.server_name").is("pulp.example.com"),
      ),
    );
  });

  test("SERVICE_HOST stands for a host that is not given, and for no other", async ({ beat }) => {
    const conf = file("/etc/pulp/server.conf");
    await expect(beat).toMeet(
      all(conf.ini("messaging.url").is("tcp://broker:5672"), conf.ini("database.seeds").is("database:27017")),
    );
  });

  test("no /dev/log", async ({ logless }) => {
    await fails(logless, right, 12, "no syslog: /dev/log is not a socket");
    await expect(logless).toMeet(not(file("/dev/log").exists()));
  });

  test("no augeas lens: nothing is configured", async ({ lensless }) => {
    await fails(
      lensless,
      right,
      11,
      "augeas has no lens for /etc/pulp/server.conf: /usr/share/augeas/lenses/pulp.aug does not exist",
    );
    await expect(lensless).toMeet(file("/etc/pulp/server.conf").ini("server.server_name").is("unconfigured"));
  });

  test("a data directory that apache cannot write", async ({ unwritable }) => {
    await fails(unwritable, right, 13, "apache (48:48) cannot write /var/lib/pulp, which is 0:0, mode 755:");
  });

  test("another uid than root's", async ({ stranger }) => {
    await fails(stranger, right, 10, "started as uid 1000: start it as root, it becomes apache by itself");
  });
}
