# SPDX-License-Identifier: GPL-2.0-only
"""Boots a machine in QEMU and talks to it over its serial line.

A Machine owns one QEMU process: it ends with the `with` block, whatever happened,
and `timeout` ends it even if this process dies. All output of the serial line
goes to build/test-logs/NAME.log; text for matching has control sequences removed.
"""
import gzip
import os
import re
import select
import shutil
import subprocess
import time

from monitor import Monitor

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("O", os.path.join(TOP, "build"))
LOGS = os.path.join(BUILD, "test-logs")

# CPU models under test. The peer needs SMAP hidden under TCG; Xeno does not.
CPU = "max"
# Limits are what a quiet machine needs and more; busy ones take longer. They end what hangs, and
# judge nothing.
PATIENCE = 2
CONTROL = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78cDM]|\r|\0")


class Failure(Exception):
    """What was expected did not happen; the text says what."""


class StaleCode(Failure):
    """QEMU has run code that another processor had changed before, see Machine.wait()."""


class BootDied(Failure):
    """The machine ended, panicked or hung before its shell was there, see Machine.shell()."""


class Skipped(Exception):
    """The case cannot run here; the text says why."""


def built(name):
    """Path of a build result, which must be there."""
    path = os.path.join(BUILD, name)  # a path from the root stays as it is
    if not os.path.exists(path):
        raise Failure(f"build/{name} is missing: build it first")
    return path


def unpacked(name):
    """Path of an uncompressed copy of a gzip file: QEMU's -kernel wants one."""
    source = built(name)
    target = os.path.join(LOGS, os.path.basename(source).removesuffix(".gz") + ".elf")
    os.makedirs(LOGS, exist_ok=True)
    if not os.path.exists(target) or os.path.getmtime(target) < os.path.getmtime(source):
        work = f"{target}.{os.getpid()}.{time.monotonic_ns()}"
        with gzip.open(source) as packed, open(work, "wb") as out:
            out.write(packed.read())
        os.rename(work, target)
    return target


def joined(name, *parts):
    """Path of a file made of build results in a row: archives that follow one another
    make one root."""
    target = os.path.join(LOGS, name)
    os.makedirs(LOGS, exist_ok=True)
    with open(target, "wb") as out:
        for part in parts:
            with open(built(part), "rb") as source:
                out.write(source.read())
    return target


def cd(image="xeno.iso"):
    """Arguments that boot a CD."""
    return ["-boot", "d", "-cdrom", built(image)]


def stick(image="xeno.iso"):
    """Arguments that boot the same image as a USB stick."""
    return ["-device", "qemu-xhci", "-device", "usb-storage,drive=stick,bootindex=0",
            "-drive", f"if=none,id=stick,format=raw,readonly=on,file={built(image)}"]


def ovmf():
    """Arguments for UEFI firmware. The variable store is not written back."""
    code, store = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"
    return ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}",
            "-drive", f"if=pflash,format=raw,unit=1,snapshot=on,file={store}"]


def escaped(text):
    """A comma separates modules in QEMU's -initrd; a doubled one does not."""
    return text.replace(",", ",,")


def multiboot(xeno_args="", linux_args="console=hvc0", image="xeno.gz", root="dom0.img",
              kernel="xenolinux"):
    """Arguments that start the hypervisor directly, without a boot loader."""
    return ["-kernel", unpacked(image), "-append", f"console=com1 {xeno_args}".strip(),
            "-initrd", f"{escaped(built(kernel))} {escaped(linux_args)},{escaped(built(root))}"]


def linux(args="console=ttyS0", root="dom0.img", kernel="xenolinux.bz"):
    """Arguments that start Linux directly on the bare machine."""
    return ["-kernel", built(kernel), "-initrd", built(root), "-append", args]


class Machine:
    """One QEMU. `args` comes from the functions above; `extra` is passed on as it is."""

    def __init__(self, name, args, cpus=2, memory=1024, machine="q35", cpu=CPU, extra=(),
                 limit=300, monitor=False):
        self.name = name
        self.monitor = Monitor() if monitor else None
        self.limit = limit * PATIENCE
        self.command = [
            "timeout", "-k", "5", str(self.limit), "qemu-system-x86_64", "-accel", "tcg",
            "-machine", machine, "-cpu", cpu, "-smp", str(cpus), "-m", str(memory),
            "-nodefaults", "-vga", "std", "-display", "none", "-serial", "stdio",
            "-no-reboot", *(self.monitor.arguments() if monitor else ()), *args, *extra]
        self.text = ""
        self.seen = 0
        self.pending = b""
        self.process = None
        self.log = None

    def __enter__(self):
        os.makedirs(LOGS, exist_ok=True)
        self.log = open(os.path.join(LOGS, self.name.replace("/", "-") + ".log"), "wb")
        self.log.write((" ".join(self.command) + "\n").encode())
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, bufsize=0,
            pass_fds=[self.monitor.theirs.fileno()] if self.monitor else ())
        if self.monitor:
            self.monitor.theirs.close()
        return self

    def __exit__(self, kind, *rest):
        if kind and issubclass(kind, Failure):
            self.show_tail()
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        if self.monitor:
            self.monitor.close()
        self.log.close()

    def show_tail(self, lines=40):
        """Print the end of what the machine said, for whoever has only the test's output."""
        for _ in range(20):  # what has come since, not what will
            if not select.select([self.process.stdout], [], [], 0)[0] or not self.read(0):
                break
        tail = [line.rstrip() for line in self.text.splitlines() if line.strip()][-lines:]
        print("".join(f"| {self.name}: {line[:200]}\n" for line in tail), end="", flush=True)

    def read(self, wait):
        """Take what the serial line has, at most `wait` seconds. False at its end."""
        stream = self.process.stdout.fileno()
        if not select.select([stream], [], [], wait)[0]:
            return True
        data = os.read(stream, 65536)
        self.log.write(data)
        self.log.flush()
        data = self.pending + data
        cut = data.rfind(b"\x1b", max(0, len(data) - 16))
        whole = cut < 0 or CONTROL.match(data, cut)
        self.pending = b"" if whole else data[cut:]
        data = data if whole else data[:cut]
        self.text += CONTROL.sub(b"", data).decode("utf-8", "replace")
        return bool(data or self.pending)

    def wait(self, pattern, limit=120):
        """Wait for a regular expression in what was not matched yet; returns the match.
        Panics and crashes of any layer end the wait at once."""
        wanted = re.compile(pattern, re.M)
        end = time.monotonic() + limit * PATIENCE
        while True:
            match = wanted.search(self.text, self.seen)
            if match:
                self.seen = match.end()
                return match
            # Linux changes its code by way of INT3, and takes it for its own until all
            # processors have been through a serialising interrupt. An INT3 after that comes
            # from a block which QEMU translated while another of its threads was writing:
            # it is out of date, and QEMU does not know. Seen on loaded hosts only.
            if "Oops: int3" in self.text[self.seen:]:
                raise StaleCode(f"QEMU ran stale code before '{pattern}'")
            if "Kernel panic - not syncing" in self.text[self.seen:]:
                raise Failure(f"a kernel panicked before '{pattern}'")
            left = end - time.monotonic()
            if left <= 0:
                raise Failure(f"no '{pattern}' within {limit * PATIENCE} s; "
                              f"last line: {self.last_line()}")
            if not self.read(min(left, 1.0)):
                raise Failure(f"QEMU ended before '{pattern}'; last line: {self.last_line()}")

    def last_line(self):
        """The last non-empty line, for messages."""
        lines = [line.strip() for line in self.text[-2000:].splitlines() if line.strip()]
        return lines[-1][:160] if lines else "(nothing)"

    def send(self, text):
        """Type text."""
        try:
            self.process.stdin.write(text.encode())
        except BrokenPipeError:
            raise Failure("QEMU ended before it could be typed to") from None

    def prompt(self, limit=60):
        """Wait for the shell's prompt."""
        self.wait(r"^[\w-]+:\S*# ", limit)

    def shell(self, role, limit=180):
        """Wait until the root is up as domain 0, guest or native, and for its shell.
        The terminal is made wide, or the shell would fold what is typed."""
        try:
            self.wait(rf"^xeno: {role} ready$", limit)
        except StaleCode:
            raise
        except Failure as why:
            shutil.copy(self.log.name, self.log.name + ".died")
            raise BootDied(str(why)) from None
        self.prompt()
        self.send("stty columns 4000\n")
        self.prompt()

    def run(self, command, limit=60):
        """Run a command in the shell, which must be at its prompt. Returns
        (exit status, output)."""
        self.send(f"{command}; echo =$?=\n")
        self.wait(r"; echo =\$\?=.*\n", limit)
        start = self.seen
        match = self.wait(r"^(.*)=(\d+)=$", limit)
        output = self.text[start:match.start(2) - 1]
        self.prompt(limit)
        return int(match.group(2)), output

    def must(self, command, limit=60):
        """Run a command that has to succeed; returns its output."""
        status, output = self.run(command, limit)
        if status:
            raise Failure(f"'{command}' ended with {status}: {output.strip()[-200:]}")
        return output

    def power_off(self, limit=150):
        """Type poweroff and wait until QEMU is gone."""
        self.send("poweroff\n")
        self.ended(limit)

    def ended(self, limit=150):
        """Wait until QEMU has ended by itself."""
        end = time.monotonic() + limit * PATIENCE
        while time.monotonic() < end:
            if not self.read(1.0) or self.process.poll() is not None:
                break
        try:
            status = self.process.wait(5)
        except subprocess.TimeoutExpired:
            raise Failure(f"still running {limit * PATIENCE} s later; "
                          f"last line: {self.last_line()}") from None
        if status:
            raise Failure(f"QEMU ended with {status}; last line: {self.last_line()}")
