// Decides that a spec file that would wait for itself is refused where it is declared.
import { expect, test } from "vitest";
import { container } from "../model/container.ts";
import { defineEnvironment } from "../model/environment.ts";
import { DeclarationError } from "../model/errors.ts";
import { fromQcow2, vm } from "../model/vm.ts";
import { refuseSharing } from "./sharing.ts";

const onPort = (name: string, host: number) =>
  defineEnvironment(name, { nodes: { box: container({ image: "any:1", ports: [{ container: 80, host }] }) } });
const onSubnet = (name: string) =>
  defineEnvironment(name, {
    networks: { lan: { subnet: "100.111.0.0/24" } },
    nodes: { box: container({ image: "any:1", networks: ["lan"] }) },
  });

test("two environments of a file on one fixed port are refused, with both names and the line", () => {
  refuseSharing(onPort("first", 8301), false);
  const declare = () => refuseSharing(onPort("second", 8301), true);
  expect(declare).toThrow(DeclarationError);
  expect(declare).toThrow(/sharing\.test\.ts:\d+:\d+: environments first and second .* port:127\.0\.0\.1:8301\/tcp/);
});

test("so are two on one subnet", () => {
  refuseSharing(onSubnet("lan-one"), true);
  expect(() => refuseSharing(onSubnet("lan-two"), false)).toThrow(/subnet:100\.111\.0\.0\/24/);
});

test("and two of one MAC on one bridge of this machine's; on others it is another machine's", () => {
  const image = fromQcow2("/nowhere.qcow2", { sha256: "0".repeat(64) });
  const office = (name: string, bridge: string, mac: string) =>
    defineEnvironment(name, {
      networks: { office: { bridge } },
      nodes: { guest: vm({ image, networks: { office: { mac } } }) },
    });
  refuseSharing(office("office-one", "br0", "02:00:00:00:00:0a"), false);
  expect(() => refuseSharing(office("office-two", "br0", "02:00:00:00:00:0A"), false)).toThrow(
    /office-one and office-two .* mac:br0\/02:00:00:00:00:0a/,
  );
  expect(() => refuseSharing(office("office-three", "br1", "02:00:00:00:00:0a"), false)).not.toThrow();
  expect(() => refuseSharing(office("office-four", "br0", "02:00:00:00:00:0b"), false)).not.toThrow();
});

test("environments of one test each, and other ports, are not", () => {
  refuseSharing(onPort("third", 8302), true);
  expect(() => refuseSharing(onPort("fourth", 8302), true)).not.toThrow();
  expect(() => refuseSharing(onPort("fifth", 8303), false)).not.toThrow();
});
