// Decides that subnets are read as they are written, and that two with an address in common are known.
import { expect, test } from "vitest";
import { hasRoomFor, overlap, readSubnet, saySubnet } from "./subnet.ts";

test.each([
  ["10.3.0.0/24", "10.3.0.0/24"],
  ["10.3.0.77/24", "10.3.0.0/24"],
  ["192.168.129.1/17", "192.168.128.0/17"],
  ["255.255.255.255/32", "255.255.255.255/32"],
  ["172.16.0.0/12", "172.16.0.0/12"],
])("%s is %s", (text, said) => expect(saySubnet(readSubnet(text))).toBe(said));

test.each([
  ["10.0.0.0/24", "10.0.0.0/24", true],
  ["10.0.0.0/24", "10.0.1.0/24", false],
  ["10.0.0.0/8", "10.200.3.0/24", true],
  ["10.200.3.128/25", "10.200.3.0/24", true],
  ["172.17.0.0/16", "172.18.0.0/16", false],
  ["0.0.0.0/1", "200.0.0.0/8", false],
])("%s and %s overlap: %s", (one, other, expected) => {
  expect(overlap(readSubnet(one), readSubnet(other))).toBe(expected);
  expect(overlap(readSubnet(other), readSubnet(one))).toBe(expected);
});

test.each([
  ["10.9.8.0/24", "10.9.8.2", true],
  ["10.9.8.0/24", "10.9.8.254", true],
  ["10.9.8.0/24", "10.9.8.0", false],
  ["10.9.8.0/24", "10.9.8.1", false],
  ["10.9.8.0/24", "10.9.8.255", false],
  ["10.9.8.0/24", "10.9.9.2", false],
])("%s has room for a node at %s: %s", (subnet, address, expected) => {
  expect(hasRoomFor(readSubnet(subnet), address)).toBe(expected);
});
