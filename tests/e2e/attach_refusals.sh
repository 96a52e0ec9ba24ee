#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: attach_refusals.sh: what xlvs refuses, with which words and status, and that it changes nothing then.
set -euo pipefail
# shellcheck source=tests/e2e/attach_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/attach_lib.sh"

# unchanged TEXT STATUS WORD CMD...: says, and leaves no trace
unchanged() {
	local before
	before=$(traces)
	says "$@"
	same "$before"
}

director_alone
in_director ip link add bridge0 type bridge

unchanged 1 'there is no interface nosuch0' director xlvs attach nosuch0 "${SMALL[@]}"
unchanged 1 'there is no interface nosuch0' director xlvs attach eth0 nosuch0 "${SMALL[@]}"
unchanged 2 'interface is required' director xlvs attach
unchanged 2 'conns' director xlvs attach eth0 --conns many
unchanged 2 'mode' director xlvs attach eth0 --mode offloaded
unchanged 2 'subcommand' director xlvs
unchanged 2 'frobnicate' director xlvs frobnicate
unchanged 1 '--conns 0 is out of range: choose 1 to' director xlvs attach eth0 --conns 0
unchanged 2 'conns' director xlvs attach eth0 --conns ''
for number in -1 -18446744073709551000 010 0x10 1e6; do
	unchanged 2 "'$number' is not a number" director xlvs attach eth0 "--conns=$number"
done
for mode in 1 5 foo; do unchanged 2 'choose native or generic' director xlvs attach eth0 --mode $mode; done
unchanged 1 '--blocks 1 is out of range: choose 64 to' director xlvs attach eth0 --blocks 1
unchanged 1 'cannot write the output' director bash -c '"$0" status >/dev/full' "$XLVS"
unchanged 1 'cannot write the output' director bash -c '"$0" status --json >/dev/full' "$XLVS"
unchanged 2 'xlvs: there is no xlvs table' director env XLVS_BACKEND=xdp ipvsadm -Ln
unchanged 1 '--servers 0 is out of range' director xlvs attach eth0 --servers 0
unchanged 1 '--services 5000000 is out of range' director xlvs attach eth0 --services 5000000
unchanged 1 'memory are available: lower --conns' director xlvs attach eth0 --conns 1000000000
unchanged 2 '99999999999999999999 is out of range' director xlvs attach eth0 --conns=99999999999999999999
unchanged 1 'root is needed' director setpriv --reuid 65534 --regid 65534 --clear-groups "$XLVS" attach eth0
unchanged 1 'there is no xlvs table' director xlvs detach
unchanged 1 'there is no xlvs table' director xlvs detach eth0
unchanged 1 'there is no xlvs table' director xlvs upgrade
unchanged 1 'bridge0 refuses XDP in native mode' director xlvs attach bridge0 "${SMALL[@]}"
unchanged 1 '--mode generic' director xlvs attach eth0 bridge0 "${SMALL[@]}"
in_director ip link set peer1 mtu 9000
unchanged 1 'MTU is too large' director xlvs attach eth0 eth1 "${SMALL[@]}"
in_director ip link set peer1 mtu 1500

in_director ip link set dev eth1 xdpdrv obj "$XLVS_BUILD/tests/support/xlvs_test_pass.bpf.o" sec xdp
unchanged 1 "eth1 carries XDP program $(xdp_id eth1), which is not ours: detach it first, with the tool that attached it, or \`ip link set dev eth1 xdpdrv off" director xlvs attach eth0 eth1 "${SMALL[@]}"
director xlvs attach eth0 "${SMALL[@]}"
unchanged 1 'which is not ours' director xlvs attach eth1
unchanged 1 'bridge0 refuses XDP in native mode' director xlvs attach bridge0
unchanged 1 'bridge0 refuses XDP in native mode' director xlvs attach eth0 bridge0
unchanged 1 'left alone' director xlvs detach eth1
unchanged 1 'left alone' director xlvs detach eth0 eth1
# programs by their number are for CAP_SYS_ADMIN only; who cannot know must not say that nothing is there
limited() { director setpriv --bounding-set=-sys_admin "$XLVS" "$@"; }
for words in status upgrade detach 'detach eth0'; do
	# shellcheck disable=SC2086 # words
	unchanged 1 'only to who has CAP_SYS_ADMIN' limited $words
done
in_director ip link set dev eth1 xdpdrv off
in_director ip link set dev eth1 xdpgeneric obj "$XLVS_BUILD/tests/support/xlvs_test_pass.bpf.o" sec xdp
unchanged 1 'ip link set dev eth1 xdpgeneric off' director xlvs attach eth1
in_director ip link set dev eth1 xdpgeneric off

# a foreign program that a bpf_link holds
pass_pin=$(bpffs)/$NET_PREFIX-pass
in_director python3 - "$XLVS_BUILD/tests/support/xlvs_test_pass.bpf.o" "$pass_pin" "$NET_DIR/gone" <<'END' &
import ctypes, os, socket, struct, subprocess, sys, time
def bpf(command, attr):
    buffer = ctypes.create_string_buffer(attr.ljust(128, b"\0"))
    number = 321 if os.uname().machine == "x86_64" else 280  # of bpf(2); 280 on arm64 and most others
    fd = ctypes.CDLL(None, use_errno=True).syscall(number, command, buffer, 128)
    assert fd >= 0, os.strerror(ctypes.get_errno())
    return fd
path = ctypes.create_string_buffer(sys.argv[2].encode())
subprocess.run(["bpftool", "prog", "load", sys.argv[1], sys.argv[2], "type", "xdp"], check=True)
program = bpf(7, struct.pack("<Q", ctypes.addressof(path)))  # BPF_OBJ_GET
os.unlink(sys.argv[2])
link = bpf(28, struct.pack("<IIII", program, socket.if_nametoindex("eth1"), 37, 4))  # BPF_LINK_CREATE, BPF_XDP, native
while not os.path.exists(sys.argv[3]):
    time.sleep(0.1)
END
for ((i = 0; i < 100; i++)); do
	[[ ! $(xdp_id eth1) ]] || break
	sleep 0.1
done
foreign=$(xdp_id eth1)
unchanged 1 "eth1 carries XDP program $foreign, which is not ours" director xlvs attach eth1
unchanged 1 'left alone' director xlvs detach eth1
equal 'the program of the bpf_link' "$foreign" "$(xdp_id eth1)"
touch "$NET_DIR/gone"
wait
unchanged 1 'eth1 is not attached' director xlvs detach eth1

unchanged 1 '--conns 2000, but the table has 1000' director xlvs attach eth1 --conns 2000
unchanged 1 'attached in native mode already' director xlvs attach eth0 --mode generic
unchanged 0 'eth0: was attached already' director xlvs attach eth0 "${SMALL[@]}"
unchanged 1 'root is needed' director setpriv --reuid 65534 --regid 65534 --clear-groups "$XLVS" status
says 0 'bridge0: attached, generic mode' director xlvs attach bridge0 --mode generic
says 0 'bridge0: generic mode' director xlvs status

# who may not look into the first mount namespace, where the pins are, must not say that there is no table
netadmin() { director setpriv --bounding-set=-all,+net_admin --inh-caps=-all,+net_admin "$@"; }
for command in "$XLVS status" "$XLVS detach eth0" "$XLVS get"; do
	# shellcheck disable=SC2086 # words
	says 1 CAP_SYS_PTRACE netadmin $command
done
says 2 'you must be root' netadmin "$XLVS_BUILD/ipvsadm/ipvsadm" -Ln

# the first word of the control row is the ABI version
rewrite_control 01000000 63000000
unchanged 1 'has ABI version 99, this program speaks' director xlvs status
unchanged 2 'xlvs: the table in' director ipvsadm -Ln
unchanged 1 'has ABI version 99' director xlvs attach eth1
unchanged 1 'has ABI version 99' director xlvs upgrade
says 0 'eth0: detached' director xlvs detach eth0
says 0 'table removed' director xlvs detach
finish_alone
