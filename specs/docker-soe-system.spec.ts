// The system below the studio's own: which one it is, where its packages come from, that they are as they came, and who may do what.
import { dockerSoe } from "../environments/docker-soe.ts";
import { all, cron, expect, file, group, os, pkg, ports, repositories, testIn, user } from "../harness/index.ts";

const test = testIn(dockerSoe);

test("it is Debian 12, and gets packages from Debian alone, with signatures", async ({ soe }) => {
  const debian = "http://deb.debian.org/debian";
  const security = "http://security.debian.org/debian-security";
  await expect(soe).toMeet(
    all(
      os().is("debian"),
      os().hasVersion("12"),
      file("/etc/os-release").linksTo("../usr/lib/os-release"),
      repositories().have(debian, { suite: "bookworm", component: "main" }),
      repositories().have(security, { suite: "bookworm-security", component: "main" }),
      repositories().areOnly(debian, security),
      repositories().areSigned(),
    ),
  );
});

test("what everything stands on is as its packages brought it", async ({ soe }) => {
  // A small image leaves documentation and translations out.
  const except = [/^\/usr\/share\/(doc|info|lintian|locale|man)\//];
  const stands = ["bash", "coreutils", "dash", "dpkg", "libc6", "login", "passwd", "util-linux"];
  await expect(soe).toMeet(all(...stands.map((name) => pkg(name).isUnmodified({ configuration: true, except }))));
});

test("nobody has more rights than needed, nothing waits to run or to be spoken to", async ({ soe }) => {
  await expect(soe).toMeet(
    all(
      user("studio").hasOnlyGroups("studio"),
      user("studio").hasLockedPassword(),
      user("root").hasLockedPassword(),
      group("sudo").hasOnlyMembers(),
      group("shadow").hasOnlyMembers(),
      cron().leavesNothingOut(),
      cron().runsOnly("e2scrub_all", "/etc/cron.daily/apt-compat", "/etc/cron.daily/dpkg"),
      ports().areOnly(),
    ),
  );
});
