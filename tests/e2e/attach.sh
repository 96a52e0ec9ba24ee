#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: attach.sh: interfaces come and go under traffic, foreign programs stay, mistakes are refused.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# refused TEXT WORD CMD...: must fail and say WORD
refused() {
	local text=$1 word=$2 said
	shift 2
	if said=$(director "$@" 2>&1); then
		check "$text is refused" false
	else
		check "$text is refused with '$word': $said" grep -qi -- "$word" <<<"$said"
	fi
}
xdp_on() { in_director ip -o link show dev "$1" | grep -c 'xdp' || true; }

attached --arms 2
serve_traffic
add_service dr 4 -u 9000 rr
in_director ip link add spare0 type veth peer name spare1
in_director ip link set spare0 up
in_director ip link set spare1 up

traffic_starts "$NET_DIR/udp" udp $VIP4 9000 --flows 16 --until "$NET_DIR/stop" --timeout 2
for ((i = 0; i < 20; i++)); do
	director xlvs attach spare0 >/dev/null
	director xlvs detach spare0 >/dev/null
done
touch "$NET_DIR/stop"
traffic_ends "$NET_DIR/udp"
line=$LINE
at_least 'datagrams during 20 attaches and detaches of another interface' 100 "$(value "$line" asked)"
equal 'datagrams lost' 0 $(($(value "$line" asked) - $(value "$line" answered)))
equal 'spare0 is free again' 0 "$(xdp_on spare0)"
equal 'eth0 is still attached' 1 "$(xdp_on eth0)"

in_director ip link set dev spare0 xdpdrv obj "$XLVS_BUILD/tests/support/xlvs_test_pass.bpf.o" sec xdp
foreign=$(in_director ip -d link show dev spare0 | grep -o 'prog/xdp id [0-9]*')
refused 'an interface with a foreign program' spare0 xlvs attach spare0
director xlvs detach spare0 >/dev/null 2>&1 || true
equal 'the foreign program' "$foreign" "$(in_director ip -d link show dev spare0 | grep -o 'prog/xdp id [0-9]*')"
refused 'an interface that does not exist' nosuch0 xlvs attach nosuch0
refused 'no interface at all' interface xlvs attach
refused 'attaching without privileges' '' setpriv --bounding-set -all --inh-caps -all xlvs attach eth0
check 'traffic still flows' traffic udp $VIP4 9000 --requests 30 --flows 3

director xlvs detach
equal 'programs left after detach' '0 0' "$(xdp_on eth0) $(xdp_on eth1)"
director xlvs attach eth0 eth1
add_service dr 4 -u 9000 rr || true # a table kept by detach has it already
check 'attached again, it serves again' traffic udp $VIP4 9000 --requests 30 --flows 3
finish
