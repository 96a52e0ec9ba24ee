#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: bridge.sh dr|ipip|nat 4|6: a way out that takes no frames from XDP is served by the slow path.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2

attached
in_director ip link add bridge0 type bridge stp_state 0 forward_delay 0
in_director ip link set bridge0 up
in_director ip link set eth1 master bridge0
in_director ip addr flush dev eth1
address director bridge0 10.20.0.2/24 2001:db8:b::2/64
serve_http
add_service "$method" "$family" -t 80 rr
slow() { director xlvs status | awk '$4 == "NEIGHBOUR" { print $2 }'; }
answered() { # TEXT: twelve more requests, all of them by the slow path
	local line before
	before=$(slow)
	line=$(traffic http "$(vip "$family")" 80 --requests 12 || true)
	equal "$1: answered by each server" '4 4 4' "$(shares "$line")"
	at_least "$1: packets that went by the slow path" 12 $(($(slow) - before))
}
answered 'xlvs is not on bridge0'
check 'bridge0 refuses native XDP' grep -q 'refuses XDP in native mode' <<<"$(director xlvs attach bridge0 2>&1 || true)"
answered 'after that'
director xlvs detach eth1
director xlvs attach bridge0 --mode generic
answered 'generic mode on the way out'
finish
