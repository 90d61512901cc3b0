// Decides how names are read that the kernel writes into its tables, where a space would end them.

/** The kernel, and who writes fstab, put space, tab, line break and backslash as `\040` and so on. */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
