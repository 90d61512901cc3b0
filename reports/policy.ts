// What a run must have met before an image of this project is released. Read by `assay gate`.
import { definePolicy } from "../harness/index.ts";

export const policy = definePolicy({
  required: {
    "specs/docker-soe-bash.spec.ts": {
      "root has a .bashrc of its own": [
        "package bash is installed",
        "file /root/.bashrc is a file",
        "file /root/.bashrc is owned by root:root",
        "file /root/.bashrc has mode 0644",
      ],
      "an interactive shell prompts with image, version, host and directory": [
        /command bash -i prints the error "\[vfx-studio-soe:.*\$:\/\]# exit\\n"/,
        /command bash -i prints the error "\[vfx-studio-soe:.*\$:\/srv\/studio\]# exit\\n"/,
      ],
      "name and version are those the playbook was given": "every",
    },
  },
  others: "allowed",
  images: ["vfx-studio-soe"],
  maxAge: "24h",
});
