import { expect, test } from "vitest";
import { ansibleFailure } from "./steps-ansible.ts";

// Recorded from ansible-core 2.14.18.
const missingFile = `
PLAY [all] *********************************************************************

TASK [bash : Missing file] *****************************************************
fatal: [x]: FAILED! => {"changed": false, "msg": "Destination /tmp/nowhere/at/all does not exist !", "rc": 257}

PLAY RECAP *********************************************************************
x                          : ok=0    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0   
`;
const failedCommand = `
TASK [Look] ********************************************************************
fatal: [x]: FAILED! => {"changed": true, "cmd": ["ls", "/nowhere"], "delta": "0:00:00.006803", "msg": "non-zero return code", "rc": 2, "stderr": "ls: cannot access '/nowhere': No such file or directory", "stderr_lines": ["ls: cannot access '/nowhere': No such file or directory"], "stdout": "", "stdout_lines": []}
`;
const missingRole = `ERROR! the role 'bsh' was not found in /context/roles

The error appears to be in '/context/playbook.yml': line 3, column 11, but may
be elsewhere in the file depending on the exact syntax problem.

The offending line appears to be:

  gather_facts: false
  roles: [bsh]
          ^ here`;

test("the task that failed is named, with what it said", () => {
  expect(ansibleFailure(missingFile.split("\n"), 2)).toBe(
    'task "bash : Missing file" failed: Destination /tmp/nowhere/at/all does not exist !',
  );
});

test("a command's own words are told too", () => {
  expect(ansibleFailure(failedCommand.split("\n"), 2)).toBe(
    "task \"Look\" failed: non-zero return code / ls: cannot access '/nowhere': No such file or directory",
  );
});

test("a failure that the playbook ignored is not the one that is told", () => {
  const ignored = failedCommand.trimEnd().split("\n");
  const lines = [...ignored, "...ignoring", ...missingFile.split("\n")];
  expect(ansibleFailure(lines, 2)).toContain('task "bash : Missing file"');
  expect(ansibleFailure([...missingFile.split("\n"), ...ignored, "...ignoring"], 2)).toContain(
    'task "bash : Missing file"',
  );
});

test("a playbook that ansible cannot read is told with ansible's error and its place", () => {
  expect(ansibleFailure(["$ ansible-playbook playbook.yml", ...missingRole.split("\n")], 1)).toBe(
    "ansible-playbook ended with status 1: ERROR! the role 'bsh' was not found in /context/roles / The error appears to be in '/context/playbook.yml': line 3, column 11, but may",
  );
});

test("without any of these the last lines are told, and a failure whose facts cannot be read as it is", () => {
  expect(ansibleFailure(["$ ansible-playbook", "killed"], 137)).toBe("ansible-playbook ended with status 137: killed");
  expect(ansibleFailure(["TASK [Odd] ***", "fatal: [x]: UNREACHABLE! => {broken"], 4)).toBe(
    'task "Odd" failed: fatal: [x]: UNREACHABLE! => {broken',
  );
});
