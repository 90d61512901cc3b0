// Decides how a declaration becomes a machine that can be powered on: its files are made, and its domain is written down.
import { writeFile } from "node:fs/promises";
import { networkNames } from "../model/environment.ts";
import { findUefi } from "../model/firmware.ts";
import type { BuiltDisk } from "../model/image.ts";
import type { VmDeclaration } from "../model/vm.ts";
import { emulatedArguments } from "../transports/guest-access.ts";
import type { Standing } from "./driver.ts";
import { accessOf, slotsOf } from "./libvirt-access.ts";
import type { Card } from "./libvirt-addresses.ts";
import { checkMacs, enoughMemory, noUefi } from "./libvirt-check.ts";
import type { LibvirtClient } from "./libvirt-client.ts";
import { makeFiles } from "./libvirt-files.ts";
import { type Acceleration, Machine } from "./libvirt-machine.ts";
import { createdLabel, directoryOf, filesIn, macOf, seatsOn, uuidOf } from "./libvirt-names.ts";
import { type ArchiveRoom, payloadOf, placePayload } from "./libvirt-payload.ts";
import { hostWords, type KeptMachines, type WarmFacts } from "./libvirt-warm.ts";
import { likenessOf, onlyBoots } from "./libvirt-warm-key.ts";
import { domainXml } from "./libvirt-xml.ts";
import type { BootFacts, FirmwareFacts } from "./libvirt-xml-facts.ts";
import { labelsOf, resourceName } from "./names.ts";

export interface BuildOptions {
  readonly standing: Standing;
  readonly node: string;
  readonly domain: string;
  readonly declaration: VmDeclaration;
  readonly disk: BuiltDisk;
  readonly client: LibvirtClient;
  readonly acceleration: Acceleration;
  /** Addresses by MAC, by the network's name. */
  readonly addresses: ReadonlyMap<string, ReadonlyMap<string, string>>;
  /** Where machines are kept from run to run; without it each boots. */
  readonly kept: KeptMachines | undefined;
  readonly archives: ArchiveRoom;
}

/** What carriers are spared: their own boot would wait for it, and nothing asks for it. */
const carrierArguments = [
  "quiet",
  "systemd.mask=serial-getty@ttyS0.service",
  "systemd.mask=systemd-udev-settle.service",
];

/** Makes the machine's files and its XML. Its directory and its networks are there. Starts nothing. */
export async function buildMachine(options: BuildOptions): Promise<Machine> {
  const { standing, node, domain, declaration, disk, client, acceleration } = options;
  const { type: accelerator } = acceleration;
  const title = `${standing.environment.name}/${node}`;
  await enoughMemory(title, declaration.memory);
  const files = filesIn(directoryOf(standing, node));
  const cards = networkNames(declaration).map((network): Card => {
    const mac = macOf(standing, node, network);
    const bridge = standing.environment.networks[network]?.bridge;
    if (bridge !== undefined) return { declared: network, mac, source: { bridge }, address: undefined };
    const name = resourceName(standing, `net_${network}`);
    return { declared: network, mac, source: { network: name }, address: options.addresses.get(name)?.get(mac) };
  });
  if (!client.uri.remote) checkMacs(title, cards);
  const bridged = cards.some(({ source }) => "bridge" in source);
  const access = await accessOf({
    title,
    declaration,
    files,
    slots: slotsOf(standing, node),
    uuid: uuidOf(domain),
    address: cards.find(({ address }) => address !== undefined)?.address,
  });
  const owner = await client.qemuUser();
  const initrd = declaration.carrier ? (disk.carrierInitrd ?? disk.initrd) : disk.initrd;
  const firmware = firmwareOf(title, declaration, files.nvram);
  const disks = Object.entries(declaration.disks);
  const anew = () =>
    makeFiles({
      title,
      files,
      owner,
      base: disk,
      disks: new Map(disks.map(([name, { size }]) => [name, size])),
      injected: access.injected,
      initrd,
      nvram: firmware.kind === "uefi" ? firmware.vars : undefined,
    });
  await anew();
  const payload = payloadOf(standing, node);
  const payloadDisks = payload === undefined ? [] : [await placePayload(files.directory, payload, options.archives)];
  const boot: BootFacts =
    declaration.boot === "disk"
      ? { from: "disk" }
      : {
          from: "kernel",
          kernel: disk.kernel ?? "",
          initrd: access.injected.cpio === undefined ? initrd : files.initrd,
          arguments: [
            ...consoleFirst(disk.kernelArguments),
            ...(accelerator === "qemu" ? emulatedArguments.filter((each) => !disk.kernelArguments.includes(each)) : []),
            ...(declaration.carrier ? carrierArguments : []),
            ...(declaration.hostname === undefined ? [] : [`systemd.hostname=${declaration.hostname}`]),
            ...declaration.kernelArguments,
          ],
        };
  const xml = domainXml({
    name: domain,
    uuid: uuidOf(domain),
    labels: { ...labelsOf(standing, node), [createdLabel]: new Date().toISOString() },
    accelerator,
    memoryBytes: declaration.memory,
    vcpus: declaration.vcpus,
    machine: declaration.machine,
    cpu: declaration.cpu,
    firmware,
    boot,
    disks: [
      { file: files.overlay, format: "qcow2", bus: "virtio" },
      ...disks.map(([name, { bus, serial }]) => ({
        file: files.disk(name),
        format: "qcow2" as const,
        bus,
        serial: serial ?? name.slice(0, 20),
      })),
      ...payloadDisks,
    ],
    seed: access.injected.seed === undefined ? undefined : files.seed,
    interfaces: cards,
    channels: access.channels,
    console: { log: files.console, socket: files.consoleSocket },
    qmp: files.qmp,
    rng: declaration.devices.rng,
    tpm: declaration.devices.tpm ? files.tpmSocket : undefined,
    screen: !declaration.carrier,
    agent: !declaration.carrier,
    user: owner,
  });
  await writeFile(files.xml, xml, { mode: 0o600 });
  const warm = async (kept: KeptMachines): Promise<WarmFacts> => ({
    room: kept,
    key: likenessOf({
      xml,
      own: [
        domain,
        uuidOf(domain),
        files.directory,
        ...cards.flatMap(({ source, mac }) => ["network" in source ? source.network : source.bridge, mac]),
      ],
      disk,
      injected: access.shape,
      payload,
      // The first of a seat's names is what DHCP gives the guest.
      names: cards.map(
        ({ declared, mac }) => seatsOn(standing, declared).find((seat) => seat.mac === mac)?.names[0] ?? "",
      ),
      declaration,
    }),
    host: hostWords(await client.version(), accelerator),
    base: disk.path,
    files: [
      files.overlay,
      ...disks.map(([name]) => files.disk(name)),
      ...(firmware.kind === "uefi" ? [files.nvram] : []),
      files.console,
    ],
    macs: cards.map(({ mac }) => mac),
    anew,
  });
  const why = options.kept === undefined ? undefined : onlyBoots(declaration, access.way, bridged);
  return new Machine({
    domain,
    title,
    name: node,
    declaration,
    files,
    xml,
    client,
    access,
    acceleration,
    imageDigest: disk.digest,
    payload,
    cards,
    ...(options.kept === undefined || why !== undefined ? {} : { warm: await warm(options.kept) }),
    ...(why === undefined ? {} : { whyBooted: why }),
  });
}

function firmwareOf(title: string, { firmware }: VmDeclaration, nvram: string): FirmwareFacts {
  if (firmware === "bios") return { kind: "bios" };
  const found = findUefi();
  if (found !== undefined) return { kind: "uefi", ...found, nvram };
  throw noUefi(title);
}

/** The kernel's words are read off the serial console: a panic is told there. */
function consoleFirst(words: readonly string[]): readonly string[] {
  return words.some((word) => /^console=ttyS0\b/.test(word)) ? words : [...words, "console=ttyS0"];
}
