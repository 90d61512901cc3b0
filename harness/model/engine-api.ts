// Decides which engines are new enough, by the version of the API that they speak.

/** The oldest that has all that declarations can say, and that this project is tested with; Debian 12's docker.io, 20.10, has it. */
export const oldestApi = "1.41";

/** Whether API `have` is `want` or newer; both as in `1.41`. */
export function apiAtLeast(have: string, want: string): boolean {
  const [major = 0, minor = 0] = have.split(".").map(Number);
  const [wantMajor = 0, wantMinor = 0] = want.split(".").map(Number);
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}
