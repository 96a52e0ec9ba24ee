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

# Nothing of the first mount namespace in reach, as in a container: bpffs is mounted where it belongs
container() { # SETUP
	nsenter --net="$ns" unshare -m --pid --fork --mount-proc bash -euc '
		mount -t tmpfs none /run
		while mountpoint -q /sys/fs/bpf; do umount /sys/fs/bpf; done
		'"$1"'
		xlvs=$2; shift 2
		"$xlvs" attach eth0 "$@" >&2
		"$xlvs" status --json | sed -n "s/.*\"table\": \"\(.*\)\/[0-9]*\".*/\1/p"
		"$xlvs" detach >&2
	' container x "$XLVS" "${SMALL[@]}"
}
equal 'without bpffs it is mounted at' /sys/fs/bpf/xlvs "$(container true)"
equal 'without a place in /sys it is mounted at' /run/xlvs/bpf/xlvs "$(container 'mount -t tmpfs none /sys')"
finish_alone
