# Tells the harness what comes of each task on each host, as lines of JSON over its unix socket. Decides nothing: text is cut to its
# end, so that a line stays a line.
from __future__ import annotations

DOCUMENTATION = """
    name: assay
    type: aggregate
    short_description: tells Assay what comes of each task
    description: Lines of JSON over the harness's unix socket.
"""

import json
import os
import socket

from ansible.plugins.callback import CallbackBase

WORDS = ("msg", "reason", "stderr", "stdout", "module_stderr", "module_stdout", "censored")
LONGEST = 4000


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "assay"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._play = None
        self._harness = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._harness.connect(os.environ["ASSAY_PLAY_SOCKET"])
        self._harness.sendall(b'{"op": "tell"}\n')

    def _tell(self, event, **facts):
        self._harness.sendall(json.dumps({"event": event, **facts}).encode() + b"\n")

    def _task(self, result, outcome):
        facts = result._result
        items = [item for item in facts.get("results") or [] if isinstance(item, dict)]
        self._tell(
            "task",
            host=result._host.get_name(),
            task=result._task.get_name().strip(),
            outcome=outcome,
            changed=bool(facts.get("changed")),
            said=_words(facts),
            items=[{"item": _text(item.get("_ansible_item_label", item.get("item"))), "said": _words(item)}
                   for item in items if item.get("failed") or item.get("changed")],
        )

    def v2_playbook_on_play_start(self, play):
        self._play = play

    def v2_playbook_on_no_hosts_matched(self):
        hosts = self._play.hosts
        self._tell("unmatched", hosts=[str(each) for each in (hosts if isinstance(hosts, list) else [hosts])])

    def v2_runner_on_ok(self, result):
        self._task(result, "ok")

    def v2_runner_on_skipped(self, result):
        self._task(result, "skipped")

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._task(result, "ignored" if ignore_errors else "failed")

    def v2_runner_on_unreachable(self, result):
        self._task(result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        for host in sorted(stats.processed):
            self._tell("stats", host=host, counts=stats.summarize(host))


def _text(value):
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    return text[-LONGEST:]


def _words(facts):
    return {word: _text(facts[word]) for word in WORDS if facts.get(word) not in (None, "")}
