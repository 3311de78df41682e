#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# mk/run.sh IMAGE: boots a CD in QEMU on this terminal, with a network: the machine reaches what
# this one reaches, and this one reaches two ports of it. MEM, CPUS; WEB and SSH: those ports
# here, or the next free ones.
set -eu

top=$(cd "$(dirname "$0")/.." && pwd)
. "$top/mk/lib.sh"

# Print the first port from $1 on that nobody of this machine uses.
free_port()
{
	python3 - "$1" <<-'END_OF_PYTHON'
	import socket, sys
	for port in range(int(sys.argv[1]), 65536):
	    with socket.socket() as listener:
	        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	        try:
	            listener.bind(("127.0.0.1", port))
	        except OSError:
	            continue
	    sys.exit(print(port))
	END_OF_PYTHON
}

[ $# -eq 1 ] || die "usage: mk/run.sh IMAGE"
web=$(free_port "${WEB:-8080}")
ssh=$(free_port "${SSH:-2222}")
[ "$ssh" != "$web" ] || ssh=$(free_port $((web + 1)))
say QEMU "$1 (leave with Ctrl-a x)"
say QEMU "its port 8080 is http://localhost:$web here, its port 22 is localhost:$ssh"
net=user,id=net,hostfwd=tcp:127.0.0.1:$web-:8080,hostfwd=tcp:127.0.0.1:$ssh-:22
exec qemu-system-x86_64 -accel tcg -machine q35 -cpu max -m "${MEM:-1024}" -smp "${CPUS:-2}" \
	-nographic -boot d -cdrom "$1" -netdev "$net" -device virtio-net-pci,netdev=net,romfile=
