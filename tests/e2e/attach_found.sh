#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: attach_found.sh: the table is found from every way of entering its namespace, wherever bpffs is mounted.
set -euo pipefail
# shellcheck source=tests/e2e/attach_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/attach_lib.sh"

director_alone
ns=/run/netns/$NET_PREFIX-director
entered() { nsenter --net="$ns" "$@"; }
# In a mount namespace of its own, after the shell commands SETUP
private() { # SETUP CMD...
	nsenter --net="$ns" unshare -m bash -c "$1"' && "$@"' private "${@:2}"
}
hidden() { private 'mount -t tmpfs none /sys' "$@"; }
own_bpffs() { private 'mount -t sysfs none /sys && mount -t bpf none /sys/fs/bpf' "$@"; }

for maker in director entered hidden own_bpffs; do
	"$maker" "$XLVS" attach eth0 "${SMALL[@]}"
	program=$(xdp_id eth0)
	for finder in director entered hidden own_bpffs; do
		equal "made by $maker, found by $finder" "$program" \
			"$(status_of '["interfaces"][0]["program_id"]' "$finder" || true)"
	done
	equal 'another namespace has none' None "$(status_of '["table"]' unshare -n)"
	"$maker" "$XLVS" detach
done
director xlvs attach eth0 "${SMALL[@]}"
says 0 'table removed' own_bpffs "$XLVS" detach

# Counters are kept per CPU, and their number is read from /sys: without it none may be missed
director xlvs attach eth0 "${SMALL[@]}"
for ((cpu = 0; cpu < $(nproc); cpu++)); do
	in_director taskset -c "$cpu" python3 -c '
import socket
peer = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
peer.bind(("peer0", 0))
for _ in range(100):
    peer.send(bytes(64))'
done
for finder in director hidden; do
	at_least "packets counted, as $finder sees it" $((100 * $(nproc))) \
		"$(status_of '["packets"]' "$finder" | grep -o "'packets': [0-9]*" | awk '{ n += $2 } END { print n }')"
done
director xlvs detach

# Nothing of the first mount namespace in reach, as in a container: bpffs is mounted where it belongs
container() { # SETUP [ROOT]: with ROOT, a folder, its first process stands in a chroot there
	# shellcheck disable=SC2016
	local inside='
		mount -t tmpfs none /run
		while mountpoint -q /sys/fs/bpf; do umount /sys/fs/bpf; done
		'$1'
		xlvs=$1; shift
		"$xlvs" attach eth0 "$@" >&2
		"$xlvs" status --json | sed -n "s/.*\"table\": \"\(.*\)\/[0-9]*\".*/\1/p"
		"$xlvs" detach >&2'
	# shellcheck disable=SC2016
	nsenter --net="$ns" unshare -m --pid --fork --mount-proc bash -euc '
		root=$1; shift
		[[ $root == / ]] || { mkdir -p "$root"; mount --rbind / "$root"; }
		exec chroot "$root" bash -euc "$@"
	' enter "${2:-/}" "$inside" container "$XLVS" "${SMALL[@]}"
}
equal 'without bpffs it is mounted at' /sys/fs/bpf/xlvs "$(container true)"
equal 'without a place in /sys it is mounted at' /run/xlvs/bpf/xlvs "$(container 'mount -t tmpfs none /sys')"
equal 'in a chroot it is mounted at' /sys/fs/bpf/xlvs "$(container true "$NET_DIR/root")"
finish_alone
