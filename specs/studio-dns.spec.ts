// A studio's names: published on its name server, forward and reverse, by whoever has the key, and gone when they are withdrawn.
import { studioDns } from "../environments/studio-dns.ts";
import { zones } from "../fixtures/studio-dns/recipe.ts";
import { all, dns, expect, file, not, published, reverseName, testIn } from "../harness/index.ts";

const test = testIn(studioDns);
const { server } = zones;
const studio = (name: string) => dns(`${name}.studio.example`, { server });
const called = (address: string) => dns(reverseName(address), { server });

test("each name is its node's, whoever asks", async ({ names, dev, stranger, host }) => {
  const own = all(studio("vfx-dev-001").resolvesTo(dev.address()), studio("vfx-dev-001").hasTtl("A", 60));
  await expect(host).toMeet(
    all(
      own,
      studio("dev").hasRecord("A", dev.address()),
      studio("licences").hasRecord("A", dev.address()),
      studio("stranger").hasRecord("A", stranger.address()),
      studio("names").hasRecord("A", names.address()),
      not(studio("vfx-dev-002").resolves()),
    ),
  );
  await expect(dev).toMeet(own);
  await expect(stranger).toMeet(own);
});

test("each address is called what its node is called", async ({ names, dev, stranger, host }) => {
  const own = all(
    called(dev.address()).hasRecord("PTR", "vfx-dev-001.studio.example"),
    called(dev.address()).hasTtl("PTR", 60),
  );
  await expect(host).toMeet(
    all(
      own,
      called(stranger.address()).hasRecord("PTR", "stranger.studio.example"),
      called(names.address()).hasRecord("PTR", "names.studio.example"),
    ),
  );
  await expect(dev).toMeet(own);
});

test("programs find them where they always ask", async ({ dev, stranger }) => {
  await expect(dev).toMeet(dns("stranger.studio.example").resolvesTo(stranger.address()));
  await expect(dev).not.toMeet(dns("vfx-dev-002.studio.example").resolves());
});

test("who has not the key changes nothing", async ({ dev, stranger, host }) => {
  const update = (...before: string[]) => {
    const lines = [
      `server ${server}`,
      ...before,
      "update delete dev.studio.example. A",
      "update add spy.studio.example. 60 A 192.0.2.1",
    ];
    return { stdin: [...lines, "send", ""].join("\n") };
  };
  const refused = async (...before: string[]) => (await stranger.fail(["nsupdate"], update(...before))).stderr;
  expect(await refused()).toContain("REFUSED");
  const guess = Buffer.alloc(32, "guess").toString("base64");
  expect(await refused(`key hmac-sha256:studio ${guess}`)).toContain("BADSIG");
  expect(await refused(`key hmac-sha256:ops ${guess}`)).toContain("BADKEY");
  await expect(host).toMeet(all(studio("dev").resolvesTo(dev.address()), not(studio("spy").resolves())));
});

test("it answers for its zones alone, and gives nobody all of them", async ({ stranger }) => {
  const ask = (...words: string[]) => stranger.exec(["dig", "+time=5", "+tries=1", `@${server}`, ...words]);
  const foreign = (await ask("example.org", "A")).stdout;
  expect(foreign).toContain("status: REFUSED");
  expect(foreign).toContain("recursion requested but not available");
  expect((await ask("studio.example", "AXFR")).stdout).toContain("Transfer failed");
});

test("the key is in no image, and the server alone reads it", async ({ names, stranger }) => {
  await expect(names).toMeet(
    all(file("/run/named/studio.key").ownedBy("root", "bind"), file("/run/named/studio.key").hasMode(0o640)),
  );
  await expect(stranger).toMeet(
    all(not(file("/run/named/studio.key").exists()), not(file("/etc/bind/rndc.key").exists())),
  );
});

test("what is withdrawn is gone, both ways, and nothing else; published again, it is there", async ({
  names,
  dev,
  stranger,
  host,
}) => {
  const studioNames = published(studioDns, names);
  const others = all(
    studio("stranger").resolvesTo(stranger.address()),
    called(stranger.address()).hasRecord("PTR", "stranger.studio.example"),
  );
  await studioNames.withdraw(dev);
  await expect(host).toMeet(
    all(
      not(studio("vfx-dev-001").resolves()),
      not(studio("dev").resolves()),
      not(studio("licences").resolves()),
      not(called(dev.address()).hasRecord("PTR")),
      others,
    ),
  );
  await studioNames.publish(dev);
  await expect(host).toMeet(
    all(
      studio("licences").resolvesTo(dev.address()),
      called(dev.address()).hasRecord("PTR", "vfx-dev-001.studio.example"),
      others,
    ),
  );
});
