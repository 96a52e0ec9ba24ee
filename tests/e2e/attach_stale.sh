#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: attach_stale.sh: folders of dead namespaces go, those of the living stay, lost pins are found again.
set -euo pipefail
# shellcheck source=tests/e2e/attach_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/attach_lib.sh"

director_alone
others=$(bpffs)/xlvs
other=$NET_PREFIX-other
attach_other() {
	ip netns add "$other"
	ip -n "$other" link add eth0 type veth peer name peer0
	ip netns exec "$other" "$XLVS" attach eth0 "${SMALL[@]}" >/dev/null
	stat -Lc %i "/run/netns/$other"
}

inode=$(attach_other)
check 'the other namespace has a folder' test -d "$others/$inode"
director xlvs attach eth0 "${SMALL[@]}"
check 'the living keeps it, by its mount' test -d "$others/$inode"
exec 7<"/run/netns/$other"
ip netns del "$other"
director xlvs attach eth1
check 'the living keeps it, by a descriptor alone' test -d "$others/$inode"
exec 7<&-
wait_for 2 false || true # the kernel takes namespaces down in the background
director xlvs detach eth1
check 'the dead loses it' test ! -e "$others/$inode"
check 'our own folder stays' test -d "$(folder)"

# Killed while making or removing a table: the next one cleans up
mkdir "$(folder | sed 's:/\([^/]*\)$:/unfinished_\1:')"
bpftool map create "$(folder | sed 's:/\([^/]*\)$:/unfinished_\1:')/xlvs_control" type array key 4 value 4 entries 1 name xlvs_control
director xlvs detach eth0
equal 'unfinished folders' '' "$(ls -d "$others/unfinished_$(basename "$(folder)")" 2>/dev/null)"

# The inode number of a dead namespace comes again: its folder is not ours, as the cookie tells
cookie=$(in_director python3 -c 'import socket; print(socket.socket().getsockopt(socket.SOL_SOCKET, 71, 8).hex())')
rewrite_control "$cookie" 1122334455667788
says 0 'none in this network namespace' director xlvs status
says 1 'there is no xlvs table' director xlvs detach eth0
says 0 'table: 1000 IPv4' director xlvs attach eth0 "${SMALL[@]}"
says 0 'eth0: native mode' director xlvs status

# Pins removed by hand, or bpffs unmounted: the programs run on, and lead to the table
rewrite_control "$(printf '%02x%02x0000' $((1000 & 255)) $((1000 >> 8)))" "e9030000" # 1001 connections, to know it again
director xlvs attach eth1
program=$(xdp_id eth0)
rm -r "$(folder)"
says 0 "eth0: program $program works on, but its table's pins are lost" director xlvs status
says 0 'table found again' director xlvs attach eth0
equal 'it is the same table' 1001 "$(status_of '["capacity"]["connections4"]')"
equal 'both interfaces have the fresh program' "$(xdp_id eth0)" "$(xdp_id eth1)"
equal 'the sweep' timer "$(status_of '["sweep"]')"
rm -r "$(folder)"
says 0 'eth0: detached' director xlvs detach
equal 'nothing is left' ' ' "$(xdp_id eth0) $(xdp_id eth1)"
finish_alone
