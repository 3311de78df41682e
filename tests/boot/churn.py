# SPDX-License-Identifier: GPL-2.0-only
"""Three guests that are created and destroyed in a loop, from kernels of tests/guest."""
import os
import subprocess

import qemu
from test_disk import archive

LOOP = """n=0
while [ $n -lt {rounds} ]; do
	for g in 1 2 3; do xenctl create /churn/$g.cfg || exit 1; done
	usleep $((n * 7919 % 10 * 60000 + 20000))
	for g in 2 1 3; do xenctl destroy g$g || exit 1; done
	n=$((n + 1))
done >/dev/null
"""


def kernel_path(kernel):
    """Path of a kernel of tests/guest, built if it is not there."""
    path = os.path.join(qemu.BUILD, "tests/guest", kernel + ".elf")
    subprocess.run(["make", "-s", "-C", os.path.join(qemu.TOP, "tests/guest"),
                    f"O={qemu.BUILD}", path], check=True)
    return path


def guests(name, kernels, rounds):
    """Path of an archive with the script /churn/loop, its kernels and configurations; `kernels`
    has for each of three guests: its kernel, its command line, its devices' line."""
    plain = name.replace("/", "-") + "-churn"
    folder = os.path.join(qemu.LOGS, plain + ".in")
    os.makedirs(folder, exist_ok=True)
    texts, files = {"loop": LOOP.format(rounds=rounds)}, {}
    for n, (kernel, extra, devices) in enumerate(kernels, 1):
        files[f"churn/{kernel}.elf"] = kernel_path(kernel)
        texts[f"{n}.cfg"] = (f"name = 'g{n}'\nkernel = '/churn/{kernel}.elf'\nmemory = 24\n"
                             f"vcpus = 2\nextra = '{extra}'\n{devices}\n")
    for file, text in texts.items():
        files[f"churn/{file}"] = os.path.join(folder, file)
        with open(files[f"churn/{file}"], "w", encoding="ascii") as out:
            out.write(text)
    return archive(plain, files)
