# SPDX-License-Identifier: GPL-2.0-only
"""Whatever xenctl shows with --json is JSON. Which commands those are is asked of xenctl."""
import json

import qemu
from cases import case
from qemu import Failure, Machine

# What stands behind --json, by command; nothing where it is not named.
OPERANDS = {"vd show": "data", "block-list": "demo1", "network-list": "demo1",
            "net show": "demo1", "net explain": "demo1 10.0.0.9 10.0.0.1 icmp",
            "net refusals": "demo1", "net rule": "list"}
LINES = ("net log",)  # one value a line, for as long as it runs
ELSEWHERE = ("demo measure",)  # boot/demo-noisy, which has what it takes
MAY_BE_EMPTY = ("net log", "net refusals", "net connections", "guest list")


def commands(host):
    """The commands that know --json, as xenctl's own table has them."""
    rows = [line.split("\t") for line in host.must("xenctl help --table").splitlines()]
    parts = {row[0].split()[0] for row in rows if " " in row[0]}
    found = [row[0] for row in rows if len(row) == 3 and "--json" in row[1]
             and row[0] not in parts and row[0] not in ELSEWHERE]
    if len(found) < 15:
        raise Failure(f"only {len(found)} commands know --json: {found}")
    return found


@case("tool-json")
def tool_json(name):
    """Each of them, on a machine that has something to show."""
    args = qemu.multiboot("nic ramdrive=16M,64M")
    card = ["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile="]
    with Machine(name, args, cpus=1, extra=card) as host:
        host.shell("dom0")
        host.must("xenctl disk init --chunk 1M /dev/xvdb && xenctl vd create data 4M")
        host.must("xenctl create demo1 disk=phy:/dev/xvda,xvda,w")
        host.must("xenctl net forward tcp port 2201 to demo1:22")
        for command in commands(host):
            said = host.must(f"xenctl {command} {OPERANDS.get(command, '')} --json")
            try:
                told = [json.loads(text) for text in
                        (said.splitlines() if command in LINES else [said])]
            except ValueError as error:
                raise Failure(f"xenctl {command} --json: {error}: {said[:200]}") from None
            if not any(told) and command not in MAY_BE_EMPTY:
                raise Failure(f"xenctl {command} --json shows nothing: {said[:100]}")
        one = json.loads(host.must("xenctl list --json demo1"))
        if [domain["name"] for domain in one] != ["demo1"]:
            raise Failure(f"xenctl list --json demo1 shows {one}")
        host.power_off()
