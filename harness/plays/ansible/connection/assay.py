# Carries ansible's commands and files to the harness, which runs them over the node's own transport. One connection to its unix
# socket a request: a line of JSON, then bytes; the same back. Decides nothing, and knows no node.
from __future__ import annotations

DOCUMENTATION = """
    name: assay
    short_description: over a node's own transport
    description: Runs commands on a node that Assay has stood up, whatever kind of node it is.
    author: Assay
    options:
      remote_addr:
        description: The node's name.
        default: inventory_hostname
        vars:
          - name: inventory_hostname
          - name: ansible_host
      remote_user:
        description: Whom commands run as.
        default: root
        ini:
          - section: defaults
            key: remote_user
        env:
          - name: ANSIBLE_REMOTE_USER
        keyword:
          - name: remote_user
        vars:
          - name: ansible_user
"""

import json
import os
import socket

from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.plugins.connection import ConnectionBase


class Connection(ConnectionBase):
    transport = "assay"
    has_pipelining = True

    def _connect(self):
        self._connected = True
        return self

    def close(self):
        self._connected = False

    def exec_command(self, cmd, in_data=None, sudoable=True):
        super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
        if sudoable and self.become and self.become.expect_prompt():
            raise AnsibleError("this connection answers no password prompt: become somebody without one")
        return self._ask({"op": "exec", "command": cmd}, in_data)

    def put_file(self, in_path, out_path):
        super().put_file(in_path, out_path)
        try:
            with open(in_path, "rb") as file:
                content = file.read()
        except OSError as error:
            raise AnsibleFileNotFound(f"cannot read {in_path}: {error}")
        status, _, err = self._ask({"op": "put", "path": out_path}, content)
        if status != 0:
            raise AnsibleError(f"cannot write {out_path}: {err.decode(errors='replace').strip()}")

    def fetch_file(self, in_path, out_path):
        super().fetch_file(in_path, out_path)
        status, out, err = self._ask({"op": "fetch", "path": in_path})
        if status != 0:
            raise AnsibleFileNotFound(f"cannot read {in_path}: {err.decode(errors='replace').strip()}")
        with open(out_path, "wb") as file:
            file.write(out)

    def _ask(self, request, content=None):
        request["host"] = self.get_option("remote_addr")
        # A task's own user goes before what is configured.
        request["user"] = self._play_context.remote_user or self.get_option("remote_user")
        if isinstance(content, str):
            content = content.encode(errors="surrogateescape")
        if content is not None:
            request["size"] = len(content)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as harness:
                harness.connect(os.environ["ASSAY_PLAY_SOCKET"])
                harness.sendall(json.dumps(request).encode() + b"\n" + (content or b""))
                with harness.makefile("rb") as answer:
                    head = json.loads(answer.readline() or b'{"error": "the harness has ended the connection"}')
                    if "error" in head:
                        raise AnsibleConnectionFailure(head["error"])
                    return head["status"], _exactly(answer, head["out"]), _exactly(answer, head["err"])
        except OSError as error:
            raise AnsibleConnectionFailure(f"the harness cannot be reached: {error}")


def _exactly(stream, size):
    content = stream.read(size)
    if len(content) != size:
        raise AnsibleConnectionFailure("the harness has ended the connection")
    return content
