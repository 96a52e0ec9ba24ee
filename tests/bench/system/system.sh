#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: system.sh [--rounds N] [--flows N] [--unit NAME] [--json FILE]: packets through whole directors, one core for all.
#
#   source ── eth0 director eth1 ── eth0 sink        for each path, in namespaces of its own
#
# The source sends frames from XDP, batch by batch; the same core carries each of them to the sink before it
# sends the next batch, so nothing queues and nothing is lost, and time per packet is the cost of the path.
# All paths share the cost of the source, which the path "source" shows: it ends where the others meet the
# director.
set -euo pipefail
# shellcheck source=tests/support/netns.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../support/netns.sh"

CLIENT=198.51.100.10 VIP=192.0.2.80 SERVER=10.20.0.11 PORT=9000 SERVER_PORT=9001
NOWHERE=00:00:00:00:00:00

mac() { ip -n "$NET_PREFIX-$1" -br link show dev "$2" | awk '{ print $3 }'; }

# add_path NAME: a director between the source's interface and a sink of its own
add_path() {
	ns_add "$1"
	ns_add "sink-$1"
	cable source "$1" "$1" eth0 1500
	cable "$1" eth1 "sink-$1" eth0 1500
	address "$1" eth0 192.0.2.2/24
	address "$1" eth1 10.20.0.2/24
	address "sink-$1" eth0 $SERVER/24
	in_ns "$1" sysctl -qw net.ipv4.ip_forward=1
	ip -n "$NET_PREFIX-$1" route add default dev eth0
	ip -n "$NET_PREFIX-$1" neigh add $SERVER lladdr "$(mac "sink-$1" eth0)" dev eth1
}

# plan NAME ADDRESS xdp|stack [relay]: the line that xlvs-bench-system reads
plan() {
	local relay=-
	[[ ${4:-} != relay ]] || relay=$NET_PREFIX-$1
	local host=$1 out=$NOWHERE
	if [[ $1 == source ]]; then host=sink-source; else out=$(mac "$1" eth1); fi
	echo "$1 $1 $(mac source "$1") $(mac "$host" eth0) $CLIENT $2 $PORT $NET_PREFIX-sink-$1 $3" \
		"$relay $out $(mac "sink-$1" eth0)" >>"$NET_DIR/plans"
}

# The kernel's own forwarding takes XDP's frames when the receiving veth end has a NAPI of its own: GRO gives it one.
kernel_path() { # NAME ADDRESS
	add_path "$1"
	in_ns "$1" ethtool -K eth0 gro on >/dev/null
	plan "$1" "$2" stack
}

# The same services on kernel IPVS, where this kernel has it, by the real command.
ipvs_path() { # NAME METHOD PORT
	kernel_path "$1" $VIP
	in_ns "$1" "$IPVSADM" -A -u $VIP:$PORT -s rr
	in_ns "$1" "$IPVSADM" -a -u $VIP:$PORT -r "$SERVER:$3" "$2"
}

xlvs_path() { # NAME METHOD PORT
	add_path "$1"
	PATH=$XLVS_BUILD/ipvsadm:$XLVS_BUILD/loader:$PATH in_ns "$1" bash -ec "
		xlvs attach eth0 eth1 --conns 262144 >/dev/null
		ipvsadm -A -u $VIP:$PORT -s rr
		ipvsadm -a -u $VIP:$PORT -r $SERVER:$3 $2"
	plan "$1" $VIP xdp
}

net_begin
ns_add source
ns_add sink-source
cable source source sink-source eth0 1500
plan source $VIP xdp
add_path redirect
plan redirect $VIP xdp relay
kernel_path forward $SERVER
if command -v nft >/dev/null; then
	kernel_path nft-dnat $VIP
	in_ns nft-dnat nft -f - <<-END
		table ip nat {
			chain in { type nat hook prerouting priority dstnat; ip daddr $VIP udp dport $PORT dnat to $SERVER:$SERVER_PORT; }
		}
	END
else
	net_say "without nft (package nftables) there is nothing to compare NAT with"
fi
IPVSADM=$(PATH=$PATH:/sbin:/usr/sbin type -P ipvsadm) || IPVSADM=
if [[ -e /proc/net/ip_vs && -n $IPVSADM ]]; then
	ipvs_path ipvs-dr -g $PORT
	ipvs_path ipvs-ipip -i $PORT
	ipvs_path ipvs-nat -m $SERVER_PORT
fi
xlvs_path dr -g $PORT
xlvs_path ipip -i $PORT
xlvs_path nat -m $SERVER_PORT
ip netns exec "$NET_PREFIX-source" "$XLVS_BUILD/tests/bench/xlvs-bench-system" "$@" <"$NET_DIR/plans"
