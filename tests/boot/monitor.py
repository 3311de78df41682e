# SPDX-License-Identifier: GPL-2.0-only
"""QEMU's monitor (QMP), for what the serial line cannot do: the screen and the keyboard.

One command at a time; events are passed over.
"""
import json
import socket
import time


class Monitor:
    """Our end of a socket pair whose other end QEMU was started with."""

    def __init__(self):
        self.ours, self.theirs = socket.socketpair()
        self.ours.settimeout(30)
        self.stream = self.ours.makefile("rw", encoding="utf-8")
        self.greeted = False

    def arguments(self):
        """QEMU's, which inherits the file `theirs`."""
        return ["-chardev", f"socket,id=monitor,fd={self.theirs.fileno()}",
                "-mon", "chardev=monitor,mode=control"]

    def answer(self):
        """The next line that is not an event."""
        while True:
            line = self.stream.readline()
            if not line:
                raise OSError("QEMU's monitor was closed")
            told = json.loads(line)
            if "event" not in told:
                return told

    def command(self, name, **arguments):
        """Run one command; returns what it returns."""
        if not self.greeted:
            self.greeted = True
            self.answer()
            self.command("qmp_capabilities")
        self.stream.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.stream.flush()
        told = self.answer()
        if "error" in told:
            raise OSError(f"QEMU's monitor: {name}: {told['error']['desc']}")
        return told["return"]

    def keys(self, *names):
        """Press keys of the machine's keyboard, one after the other: "down", "ret", "alt-f2"."""
        for name in names:
            self.command("send-key", keys=[{"type": "qcode", "data": one}
                                           for one in name.split("-")])
            time.sleep(0.15)  # each is held for 100 ms

    def type(self, text):
        """Type text on the machine's keyboard: letters, digits, and what commands need."""
        special = {" ": "spc", "\n": "ret", "-": "minus", ".": "dot", "/": "slash", "=": "equal",
                   ",": "comma", ";": "semicolon"}
        self.keys(*(special.get(one, one) for one in text))

    def close(self):
        """Our end; QEMU has the other one alone once it runs."""
        self.stream.close()
        self.ours.close()
