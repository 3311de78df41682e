# SPDX-License-Identifier: GPL-2.0-only
"""README.CD: every command in it runs, in its order, on a machine started from the CD.

What stands four spaces in is typed, or shown: up to two spaces in a row it is a command, or
one of the forms in SHOWN, which are checked in their own way; more indented lines
continue a remark. A line that is neither fails the test, and so does a command that ends
with anything but 0. Capital letters stand for values, see VALUES.
"""
import base64
import hashlib
import os
import re
import subprocess
import tarfile
import time

import qemu
from cases import case
from qemu import Failure, Machine
from test_disk import drive
from test_guestnew import folder_drive, folder_for, log_in, small_root
from test_net import card, fetch, free_port, lease

README = os.path.join(qemu.TOP, "README.CD")
PASSWORD = "s3cret"
# The drives: /dev/xvda is empty, as the text wants it; FILES; the third is installed onto.
FILES = "/dev/xvdb"
VALUES = {"DEVICE": FILES, "FILE.tar.gz": "root.tar.gz", "FILE.raw": "disk.raw",
          "--answers FILE": "--answers /tmp/answers"}
KEY = base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(range(32))).decode()
# What the answers shown in the chapter on the installer are here; None: left out, as it says.
ANSWERS = {"disk": "serial:README", "password": PASSWORD, "finish": "shell", "keep_xenodisk": None,
           "ssh_key": f"ssh-ed25519 {KEY} me"}
# Commands that are not typed here, and why.
ELSEWHERE = {
    "make run": "that is how to get here",
    "make check": "runs this",
    r"dd if=build/xeno.iso .*": "writes a stick; boot/*stick* boot from one",
    "xenctl guest new deb --debian .*": "needs a mirror: boot/guest-debootstrap has one",
    "poweroff": "the test ends with it",
    "xeno-install": "asks: boot/install-* drive the dialogs",
}
PROGRAMS = ("make", "dd", "more", "xenctl", "printf", "mkfs.ext4", "mount", "ln", "tail",
            "poweroff", "xeno-install")


class Shown:
    """One column of an indented line."""

    def __init__(self, number, text):
        self.number, self.text = number, text

    def __str__(self):
        return f"README.CD:{self.number}: {self.text}"

    def is_command(self):
        """By its first word."""
        return self.text.split()[0] in PROGRAMS


def shown_lines():
    """What README.CD shows, in order."""
    with open(README, encoding="utf-8") as file:
        lines = file.read().splitlines()
    for number, line in enumerate(lines, 1):
        if not re.match(r" {4}\S", line):
            continue
        columns = re.split(r" {2,}", line.strip())
        yield Shown(number, columns[0])
        for column in columns[1:]:
            shown = Shown(number, column)
            if shown.is_command():
                yield shown


# What is typed to programs that wait for keys.

def type_command(host, command, limit=120):
    """One that needs no more. The rest is tried when it fails: one run finds all that do.
    A domain that was stopped is taken apart in slices: until then its name is not free."""
    end = time.monotonic() + 60
    while True:
        status, output = host.run(command, limit)
        if not status or "(dying)" not in output or time.monotonic() > end:
            break
    if status:
        host.failed.append(f"'{command}' ended with {status}: {output.strip()[-200:]}")


def leave_console(host, command):
    """The console of a guest of ours, and back."""
    host.send(f"{command}\n")
    host.shell("guest")
    host.send("\x1d")
    host.prompt()


def leave_login(host, command):
    """The console of the guest that was made of an archive: its password is the one that was
    typed."""
    host.send(f"{command}\n")
    log_in(host, command.split()[-1], PASSWORD)
    host.send("\x1d")
    host.prompt()


def new_guest(host, command):
    """A guest with a password from the keyboard."""
    host.send(f"{command}; echo =$?=\n")
    host.wait("^Password of root in the guest: ")
    host.send(f"{PASSWORD}\n")
    if host.wait(r"^=(\d+)=", 120)[1] != "0":
        raise Failure(f"'{command}' fails")
    host.prompt()


def page_through(host, command):
    """Two pages of a text."""
    host.send("stty rows 24\n")
    host.prompt()
    host.send(f"{command}\n")
    host.wait("XENO - a small hypervisor on a CD")
    host.wait("--More--")
    host.send(" ")
    host.wait("--More--")
    host.send("q")
    host.wait(r":\S*# ")  # behind what more has wiped out


def capture(host, command):
    """Some packets, until Ctrl-C."""
    path = command.split()[-1]
    host.must(f"(ping -c 20 10.0.0.1 >/dev/null & (until [ $(wc -c <{path} || echo 0) -gt 200 ]; "
              "do sleep 0.2; done; echo captured-$((1 + 1)) ) 2>/dev/null & )")
    host.send(f"{command}\n")
    host.wait("captured-2")
    host.send("\x03")
    host.wait(r"frames?, \d+ lost")
    host.prompt()


def web_page(host, command):
    """The demo's page is there for a browser on this machine."""
    host.must(command)
    if "<h1>demo-web</h1>" not in fetch(host.door, 120):
        raise Failure("the page is another")


def rule_number(host, command):
    """The command with the number of the rule that was added above."""
    listed = host.must("xenctl net rule list")
    found = re.search(r"^\s*\d+\s+(\d+)\s.*dport 25\b", listed, re.M)
    if not found:
        raise Failure(f"the rule with dport 25 is not in: {listed.strip()[:300]}")
    host.must(command.replace("ID", found[1]))


def install(host, command):
    """The installer with the answers that the text shows."""
    lines = []
    for line in host.answers:
        key, value = line.split(" = ", 1)
        value = ANSWERS.get(key, value)
        if value is not None:
            lines.append(f"{key} = {value}\n")
    host.must(f"cat >/tmp/answers <<END\n{''.join(lines)}END\n:")
    type_command(host, command, 300)


BY_HAND = (
    (r"xeno-install .*--answers", install),
    (r"xenctl console demo\S+", leave_console),
    (r"xenctl create -c \S+", leave_login),
    (r"xenctl guest new .*--password -", new_guest),
    (r"more /README.CD", page_through),
    (r"xenctl net capture .*", capture),
    (r"xenctl net rule del ID", rule_number),
    (r"xenctl create demo-web", web_page),
)


# Lines that are no commands.

def menu_entry(_, shown):
    """A title of the boot menu."""
    with open(os.path.join(qemu.TOP, "iso/isolinux.cfg"), encoding="ascii") as file:
        if f"menu label {shown.text}\n" not in file.read():
            raise Failure(f"{shown}: there is no such entry")


def configuration(host, shown):
    """A line of a guest's configuration: a guest with it is accepted."""
    key = shown.text.split()[0]
    base = "other" if key == "bootloader" else "demo1"  # other: has its root on a disk
    host.must(f"(grep -v '^{key}' /etc/xeno/{base}.cfg; echo '{shown.text}') >/tmp/line.cfg")
    type_command(host, "xenctl create -n /tmp/line.cfg")


def answer(host, shown):
    """A line of an answers file: kept until the installer is called."""
    host.answers.append(shown.text)


def source(host, shown):
    """Where answers can come from: the installer knows it."""
    kind = shown.text.split(":")[0]
    if f"{kind}:" not in host.must("xeno-install --help"):
        raise Failure(f"{shown}: xeno-install --help has no {kind}:")


def boot_word(host, shown):
    """A word of domain 0's boot line: something asks for it."""
    word = re.match(r"xeno\.(\w+)", shown.text)[1]
    host.must(f"grep -r 'xeno[.]{word}\\|boot_value {word}' /init /etc /usr/lib/xeno/*.sh "
              "/usr/lib/xeno/installer 2>/dev/null | grep -q .")


def options(host, shown):
    """Options of xenctl guest new: it knows them."""
    usage = host.run("xenctl guest")[1]
    for option in re.findall(r"--[\w-]+", shown.text):
        if f"[{option}" not in usage and f" {option} " not in usage:
            raise Failure(f"{shown}: {option} is not in: {usage.strip()}")


SHOWN = (
    (r"(Xeno|Install) ?\w*", menu_entry),
    (r'(disk|vif|bootloader) = [\["]', configuration),
    (r"\w+ = ", answer),
    (r"(cd|label|fw_cfg):", source),
    (r"xeno\.\w+=", boot_word),
    (r"--\w+", options),
)


def first(table, text):
    """The entry of a table whose pattern fits."""
    return next((entry for pattern, entry in table if re.match(pattern, text)), None)


def follow(host, shown):
    """Do what one line says."""
    if not shown.is_command():
        check = first(SHOWN, shown.text)
        if not check:
            raise Failure(f"{shown}: neither a command nor another known form")
        check(host, shown)
        return
    if any(re.fullmatch(start, shown.text) for start in ELSEWHERE):
        return
    command = shown.text
    for name, value in VALUES.items():
        command = command.replace(name, value)
    try:
        (first(BY_HAND, command) or type_command)(host, command)
    except Failure as why:
        raise Failure("; ".join([*host.failed, f"{shown}: {why}"])) from None


def target(name):
    """Arguments for the drive that is installed onto."""
    path = os.path.join(qemu.LOGS, name.replace("/", "-") + "-target.raw")
    with open(path, "wb") as file:
        file.truncate(4 << 30)
    return ["-drive", f"if=none,id=target,format=raw,cache=unsafe,discard=unmap,file={path}",
            "-device", "virtio-blk-pci,drive=target,serial=README"]


def files(name):
    """Arguments for the drive that has the archive and the image of chapter 7."""
    folder = folder_for(name)
    archive = os.path.join(folder, "root.tar.gz")
    small_root().write(archive, ["gzip", "-c"])
    tree = folder_for(name + "-tree")
    with tarfile.open(archive) as tar:
        tar.extractall(tree, filter="fully_trusted")
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", tree,
                    os.path.join(folder, "disk.raw"), "16M"], check=True, capture_output=True)
    return folder_drive("files", folder)


@case("readme")
def readme(name):
    """From the first line to the last."""
    door = free_port()
    extra = drive(name, 1 << 30) + files(name) + target(name) + card(port_8080=door)
    with Machine(name, qemu.cd(), cpus=1, extra=extra, limit=900) as host:
        host.door, host.failed, host.answers = door, [], []
        host.shell("dom0")
        lease(host)
        with open(README, "rb") as file:
            if hashlib.md5(file.read()).hexdigest() not in host.must("md5sum /README.CD"):
                raise Failure("domain 0 has another README.CD: build the CD")
        for shown in shown_lines():
            follow(host, shown)
        host.power_off()
        if host.failed:
            raise Failure(f"{len(host.failed)} commands: {'; '.join(host.failed)}")


@case("six-lines")
def six_lines(_):
    """Six lines after the start say what to type; README.CD explains each of the commands."""
    with open(os.path.join(qemu.TOP, "rootfs/dom0/etc/motd.dom0"), encoding="ascii") as file:
        lines = [line.split("   ")[0].strip() for line in file if line.startswith("  ")]
    if len(lines) != 6:
        raise Failure(f"{len(lines)} lines in motd.dom0")
    with open(os.path.join(qemu.TOP, "README.CD"), encoding="ascii") as file:
        text = file.read()
    for command in lines:
        if f"\n    {command}" not in text:
            raise Failure(f"README.CD does not show '{command}'")
