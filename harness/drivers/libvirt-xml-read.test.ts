// Decides what is read out of XML as libvirt 9.0 wrote it.
import { expect, test } from "vitest";
import { addressesIn, disksIn, identityIn, labelsIn, qemuUserIn, subnetsIn } from "./libvirt-xml-read.ts";

const network = `<network connections='1'>
  <name>assay-r1-s1-env-net_lan</name>
  <uuid>1fa23f37-03e8-4f2e-b2af-9309154863a1</uuid>
  <metadata>
    <assay:labels xmlns:assay="https://assay.dev/xmlns/domain/1">
      <assay:label name="dev.assay.run">r1</assay:label>
      <assay:label name="dev.assay.owner">vm boot 4026531836 12 3456</assay:label>
    </assay:labels>
  </metadata>
  <forward mode='nat'>
    <nat>
      <port start='1024' end='65535'/>
    </nat>
  </forward>
  <bridge name='asd36f850c5d82' stp='off' delay='0'/>
  <mac address='52:54:00:81:76:48'/>
  <ip address='10.224.59.1' prefix='24'>
    <dhcp>
      <range start='10.224.59.129' end='10.224.59.254'/>
      <host mac='52:54:00:00:00:0A' name='web' ip='10.224.59.2'/>
      <host mac='52:54:00:00:00:02' ip='10.224.59.3'/>
    </dhcp>
  </ip>
</network>
`;

test("name, UUID, labels, and addresses that are kept for machines", async () => {
  expect(await identityIn(network)).toEqual({
    name: "assay-r1-s1-env-net_lan",
    uuid: "1fa23f37-03e8-4f2e-b2af-9309154863a1",
  });
  expect(await labelsIn(network)).toEqual({ "dev.assay.run": "r1", "dev.assay.owner": "vm boot 4026531836 12 3456" });
  expect(await addressesIn(network)).toEqual(
    new Map([
      ["52:54:00:00:00:0a", "10.224.59.2"],
      ["52:54:00:00:00:02", "10.224.59.3"],
    ]),
  );
});

test("subnets, with a prefix or a mask; IPv6 is another matter", async () => {
  expect(await subnetsIn(network)).toEqual(["10.224.59.1/24"]);
  const two = `<network><ip address='192.168.122.1' netmask='255.255.240.0'/><ip family='ipv6' address='fd00::1' prefix='64'/></network>`;
  expect(await subnetsIn(two)).toEqual(["192.168.122.1/20"]);
  expect(await subnetsIn("<network><forward mode='bridge'/></network>")).toEqual([]);
});

test.each([
  ["none", "<domain><name>x</name></domain>"],
  [
    "somebody else's",
    `<domain><metadata><other:labels xmlns:other="https://else.where/"><other:label name="dev.assay.run">r</other:label></other:labels></metadata></domain>`,
  ],
  [
    "ours, without a namespace",
    `<domain><metadata><labels><label name="dev.assay.run">r</label></labels></metadata></domain>`,
  ],
])("labels of what is not ours: %s", async (_, xml) => expect(await labelsIn(xml)).toEqual({}));

test("disks by target; an empty CD drive has no file", async () => {
  const domain = `<domain><devices>
    <disk type='file' device='disk'><source file='/d/disk.qcow2' index='1'/><target dev='vda' bus='virtio'/></disk>
    <disk type='file' device='cdrom'><target dev='sda' bus='sata'/></disk>
    <disk type='block' device='disk'><source dev='/dev/x'/><target dev='vdb' bus='virtio'/></disk>
  </devices></domain>`;
  expect(await disksIn(domain)).toEqual(new Map([["vda", "/d/disk.qcow2"]]));
});

test("whom QEMU runs as", async () => {
  const capabilities = (dac: string) => `<capabilities><host>
    <secmodel><model>none</model><doi>0</doi></secmodel>
    <secmodel><model>dac</model><doi>0</doi>${dac}</secmodel>
  </host><guest/></capabilities>`;
  const labels = "<baselabel type='kvm'>+64055:+108</baselabel><baselabel type='qemu'>+64055:+108</baselabel>";
  expect(await qemuUserIn(capabilities(labels))).toEqual({ uid: 64055, gid: 108 });
  expect(await qemuUserIn(capabilities(""))).toBeUndefined();
});

test("what is no XML, or has no name, is an error and no answer", async () => {
  await expect(identityIn("<domain>")).rejects.toThrow();
  await expect(identityIn("<domain/>")).rejects.toThrow("has no name");
  await expect(labelsIn("")).rejects.toThrow();
});

test("nothing from outside is read", async () => {
  const xml = `<!DOCTYPE d [<!ENTITY e SYSTEM "file:///etc/hostname">]><domain><name>a&e;b</name></domain>`;
  const seen = await identityIn(xml).then(
    ({ name }) => name,
    () => "refused",
  );
  expect(["ab", "refused"]).toContain(seen);
});
