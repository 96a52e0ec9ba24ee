#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: bridge.sh dr|ipip|nat 4|6: a way out that cannot take frames from XDP is served by the slow path.
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
line=$(traffic http "$(vip "$family")" 80 --requests 12 || true)
equal 'answered by each server' '4 4 4' "$(shares "$line")"
at_least 'packets that went by the slow path because xlvs is not on bridge0' 12 \
	"$(director xlvs status | awk '$4 == "NEIGHBOUR" { print $2 }')"
finish
