// Decides what is said where libvirt refuses something, or is asked for what it has not.
import { HarnessError, messageOf, ProvisionError } from "../model/errors.ts";

/** libvirt has disks, and no container images. */
export function noImages(reference: string): ProvisionError {
  return new ProvisionError({
    code: "no-images",
    phase: "build",
    seen: `libvirt has no container image ${reference}`,
    hint: "a docker engine has: run `assay setup`",
  });
}

/** What the engine threw, as an error of ours. */
export function libvirtError(error: unknown, node: string, phase: "create" | "destroy" = "create"): HarnessError {
  if (error instanceof HarnessError) return error;
  return new ProvisionError({ code: "libvirt-refused", phase, node, seen: messageOf(error), cause: error });
}
