#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: mac.sh dr|ipip|nat 4|6: Ethernet addresses that change without a word are followed, a real server's as soon as
# the kernel's neighbour table allows, the director's own at once.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2
new=02:00:00:00:fe:01

attached --servers 1
serve_http
add_service "$method" "$family" -t 80 rr
# a neighbour's life in two seconds instead of forty
for ip in ipv4 ipv6; do
	in_director sysctl -qw net.$ip.neigh.eth1.base_reachable_time_ms=500 \
		net.$ip.neigh.eth1.delay_first_probe_time=1 net.$ip.neigh.eth1.retrans_time_ms=100
done
mac() { ip -n "$NET_PREFIX-$1" -br link show dev "$2" | awk '{ print $3 }'; }
answered() { in_client curl -s -o /dev/null -m 1 "http://$(service "$family" 80)/"; }

check 'a request is answered' answered
ip -n "$NET_PREFIX-server1" link set eth0 address $new
for prefix in 10.20.0. 2001:db8:b::; do # what went with the link
	family_option=-4
	[[ $prefix != *:* ]] || family_option=-6
	# it knows whom it sends to, and asks nobody: a question would tell its new address
	ip -n "$NET_PREFIX-server1" neigh replace "${prefix}1" lladdr "$(mac router back)" dev eth0 nud permanent
	ip -n "$NET_PREFIX-server1" neigh replace "${prefix}2" lladdr "$(mac director eth1)" dev eth0 nud permanent
	ip -n "$NET_PREFIX-server1" $family_option route replace default via "${prefix}1" dev eth0 table 100
	ip -n "$NET_PREFIX-server1" $family_option route replace default via "${prefix}2" dev eth0
done
check 'the server with its new address is found' wait_for 30 answered

# the router's switch and its neighbour entry have to hear of it: the director says so itself
in_director ip link set eth0 address 02:00:00:00:fe:02
in_router ip neigh flush all
check 'the director with its new address takes packets' wait_for 5 answered
check 'and goes on to' answered
finish
