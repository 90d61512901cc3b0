// Decides how a declaration names an address that nobody knows before the engine has given it. Data; the driver puts the address in.

/** Text with addresses of nodes in it, known when those run. Made by `addressOf`. */
export interface AddressText {
  readonly text: readonly (string | { readonly addressOf: string })[];
}

/**
 * The address of another container of the environment, as the value of a variable: where names do not serve. That container is created
 * before the one whose variable it is. A container whose network another shares (`networkFrom`) has that one's address.
 *
 * @example container({ image: worker, networks: ["studio"], env: { DB_SERVICE_HOST: addressOf("db") } })
 * @example addressOf("db", { before: "tcp://", after: ":5432" }) // tcp://172.18.0.2:5432
 */
export function addressOf(
  node: string,
  around: { readonly before?: string; readonly after?: string } = {},
): AddressText {
  const { before = "", after = "" } = around;
  return joinedText([before, { addressOf: node }, after]);
}

export function isAddressText(value: unknown): value is AddressText {
  return typeof value === "object" && value !== null && "text" in value && Array.isArray(value.text);
}

/** One text of several; neighbouring words become one, so that equal texts are equal data. */
export function joinedText(parts: readonly (string | AddressText | { readonly addressOf: string })[]): AddressText {
  const text: AddressText["text"][number][] = [];
  for (const part of parts.flatMap((each) =>
    isAddressText(each) ? each.text : [each as AddressText["text"][number]],
  )) {
    const last = text.at(-1);
    if (part === "") continue;
    if (typeof part === "string" && typeof last === "string") text[text.length - 1] = last + part;
    else text.push(part);
  }
  return { text };
}

/** Nodes whose addresses a container's variables hold. */
export function addressesIn({ env }: { readonly env: Readonly<Record<string, unknown>> }): readonly string[] {
  const texts = Object.values(env).flatMap((value) => (isAddressText(value) ? value.text : []));
  return [...new Set(texts.flatMap((part) => (typeof part === "string" ? [] : part.addressOf)))];
}
