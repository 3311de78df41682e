# SPDX-License-Identifier: GPL-2.0-only
"""Pictures of a machine's screen, made by the tests and kept as build/pictures/NAME.png.

The machine is started with monitor=True. A picture is also a test: a blank screen fails, and
so does one in text mode that lacks the words it was asked for. In graphics modes words
are not read: there a number of lines with something in them stands for text.
"""
import os
import re
import struct
import time
import zlib

import qemu
from qemu import Failure

PICTURES = os.path.join(qemu.BUILD, "pictures")
TEXT_MODE = (720, 400)  # 80 x 25 characters of 9 x 16 pixels
LINE = 16
MIN_COLOURS = 2
MIN_LINES = 3


class Image:
    """Pixels of 3 bytes, row by row."""

    def __init__(self, width, height, pixels):
        self.width, self.height, self.pixels = width, height, pixels

    def rows(self):
        """The rows as bytes."""
        step = self.width * 3
        return [self.pixels[at:at + step] for at in range(0, len(self.pixels), step)]

    def colours(self):
        """How many different ones there are."""
        pixels = self.pixels
        return len({pixels[at:at + 3] for at in range(0, len(pixels), 3)})

    def lines(self):
        """How many lines of text's height have more than one colour in them."""
        rows = self.rows()
        used = 0
        for top in range(0, self.height, LINE):
            block = b"".join(rows[top:top + LINE])
            used += block != block[:3] * (len(block) // 3)
        return used


def read_ppm(path):
    """The image of a PPM file as QEMU writes it: P6, 8 bits."""
    with open(path, "rb") as file:
        data = file.read()
    head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
    if not head:
        raise Failure(f"{path} is not a PPM file")
    width, height = int(head[1]), int(head[2])
    pixels = data[head.end():]
    if len(pixels) != width * height * 3:
        raise Failure(f"{path} ends early")
    return Image(width, height, pixels)


def write_png(path, image):
    """A PNG file: 8 bits, no filter."""
    def chunk(kind, body):
        return (struct.pack(">I", len(body)) + kind + body +
                struct.pack(">I", zlib.crc32(kind + body)))
    head = struct.pack(">IIBBBBB", image.width, image.height, 8, 2, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in image.rows()), 9)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(f"{path}.work", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) +
                   chunk(b"IEND", b""))
    os.rename(f"{path}.work", path)


def scratch(machine, kind):
    """A file for QEMU to write to."""
    return os.path.join(qemu.LOGS, f"{machine.name.replace('/', '-')}.{kind}")


def screen(machine):
    """What the screen shows now."""
    path = scratch(machine, "ppm")
    machine.monitor.command("screendump", filename=path)
    image = read_ppm(path)
    os.remove(path)
    return image


def text(machine):
    """The 25 lines of a screen in text mode. Linux scrolls by moving the start of the screen
    within the 32 KiB of text memory: all of it is read, and empty lines go."""
    path = scratch(machine, "text")
    machine.monitor.command("pmemsave", val=0xb8000, size=0x8000, filename=path)
    with open(path, "rb") as file:
        characters = file.read()[::2].decode("cp437")
    os.remove(path)
    lines = (characters[at:at + 80].rstrip("\0 ") for at in range(0, len(characters), 80))
    return "\n".join(line for line in lines if line)


def why_not(machine, image, words):
    """What is wrong with an image; None when nothing is."""
    colours, lines = image.colours(), image.lines()
    if colours < MIN_COLOURS or lines < MIN_LINES:
        return f"blank: {colours} colours, {lines} lines with something in them"
    if (image.width, image.height) == TEXT_MODE:
        shown = text(machine)
        for word in words:
            if word not in shown:
                return f"without '{word}'"
    return None


def at_rest(image, before):
    """Nothing but a cursor has changed since."""
    return (before and image.width == before.width and image.height == before.height and
            sum(one != other for one, other in zip(image.rows(), before.rows())) <= LINE)


def picture(machine, name, words=(), limit=30):
    """Write build/pictures/NAME.png as soon as the screen shows what it should, all of it."""
    end = time.monotonic() + limit
    before = None
    while True:
        image = screen(machine)
        why = why_not(machine, image, words)
        if not why and not at_rest(image, before):
            why = "not at rest"
        if not why:
            break
        if time.monotonic() > end:
            write_png(os.path.join(PICTURES, f"{name}-failed.png"), image)
            raise Failure(f"the screen is {why} (pictures/{name}-failed.png)")
        before = image
        time.sleep(1)
    write_png(os.path.join(PICTURES, f"{name}.png"), image)
    return image
