import { expect, test } from "vitest";
import { ansibleFailure } from "./steps-ansible.ts";

// Recorded from ansible-core 2.14.
const failing = `
PLAY [Studio standard operating environment] ***********************************

TASK [bash : Root has a .bashrc] ***********************************************
ok: [vfx-studio-soe]

TASK [bash : The prompt names the image] ***************************************
fatal: [vfx-studio-soe]: FAILED! => {"changed": false, "msg": "Destination /root/.bashrcx does not exist !", "rc": 257}

PLAY RECAP *********************************************************************
vfx-studio-soe             : ok=1    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0   
`.split("\n");

test("the task that failed is named, with what it said", () => {
  expect(ansibleFailure(failing, 2)).toBe(
    'task "bash : The prompt names the image" failed: Destination /root/.bashrcx does not exist !',
  );
});

test("a command's own words are told too", () => {
  const lines = [
    "TASK [Look] ********************************************************************",
    'fatal: [x]: FAILED! => {"changed": true, "cmd": ["ls", "/nowhere"], "msg": "non-zero return code", "rc": 2, "stderr": "ls: cannot access \'/nowhere\'", "stdout": ""}',
  ];
  expect(ansibleFailure(lines, 2)).toBe("task \"Look\" failed: non-zero return code / ls: cannot access '/nowhere'");
});

test("without a failed task the last lines are told", () => {
  const lines = [
    "$ ansible-playbook playbook.yml",
    "ERROR! the role 'bsh' was not found in /context/roles",
    "",
    "The error appears to be in 'playbook.yml': line 6",
  ];
  expect(ansibleFailure(lines, 1)).toBe(
    "ansible-playbook ended with status 1: ERROR! the role 'bsh' was not found in /context/roles / The error appears to be in 'playbook.yml': line 6",
  );
});

test("a failure whose facts cannot be read is told as it is", () => {
  expect(ansibleFailure(["TASK [Odd] ***", "fatal: [x]: UNREACHABLE! => {broken"], 4)).toBe(
    'task "Odd" failed: fatal: [x]: UNREACHABLE! => {broken',
  );
});
