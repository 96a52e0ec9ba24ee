#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: upgrade.sh dr|ipip|nat 4|6: programs are swapped under traffic without a lost datagram or a broken connection.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2

attached --arms 2
serve_traffic
add_service "$method" "$family" -u 9000 rr
add_service "$method" "$family" -t 9000 rr
traffic hold "$(vip "$family")" 9000 --flows 9 --seconds 4 >"$NET_DIR/long" 2>&1 &
long=$!
traffic_starts "$NET_DIR/udp" udp "$(vip "$family")" 9000 --flows 16 --until "$NET_DIR/stop" --timeout 2
first=$(in_director ip -d link show dev eth0 | grep -o 'prog/xdp id [0-9]*')
for ((i = 0; i < 10; i++)); do
	director xlvs upgrade >/dev/null
done
last=$(in_director ip -d link show dev eth0 | grep -o 'prog/xdp id [0-9]*')
wait "$long" || true
touch "$NET_DIR/stop"
traffic_ends "$NET_DIR/udp"
line=$LINE
check "the program is another one: $first, $last" test "$first" != "$last"
at_least 'datagrams during 10 upgrades' 100 "$(value "$line" asked)"
equal 'datagrams lost' 0 $(($(value "$line" asked) - $(value "$line" answered)))
equal 'connections that lived through it' 9 "$(value "$(grep ^asked "$NET_DIR/long")" answered)"
finish
