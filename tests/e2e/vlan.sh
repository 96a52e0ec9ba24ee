#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: vlan.sh: clients and real servers in VLANs, one of them in two tags (QinQ): balanced on the VLAN interfaces, both
# families, direct routing and NAT. Runs in user-mode Linux, whose kernel has VLANs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(realpath -- "${XLVS_BUILD:-$here/../../build/release}")

if [[ ${1:-} != --inside ]]; then
	PATH=$PATH:/sbin:/usr/sbin type -P linux.uml >/dev/null || {
		echo 'skipped: needs linux.uml (tools/install-deps oracle)'
		exit 77
	}
	exec "$here/../../tools/oracle/uml" --timeout 400 --see "$build" --env "XLVS_BUILD=$build" "$here/vlan.sh" --inside
fi

modprobe -a bridge 8021q
# shellcheck source=tests/e2e/lib.sh
. "$here/lib.sh"

# tagged NAME DEV ID [PROTOCOL]: an interface for the tag on DEV, which is left to carry it
tagged() {
	ip -n "$NET_PREFIX-$1" link add link "$2" name "$2.$3" type vlan id "$3" protocol "${4:-802.1Q}"
	in_ns "$1" ethtool -K "$2.$3" tx off gso off tso off gro off >/dev/null
	ip -n "$NET_PREFIX-$1" link set "$2.$3" up
}
# to_vlan NAME DEV ID ADDRESS...: what DEV had is its VLAN's now
to_vlan() {
	local name=$1 dev=$2 id=$3
	shift 3
	tagged "$name" "$dev" "$id"
	ip -n "$NET_PREFIX-$name" addr flush dev "$dev"
	address "$name" "$dev.$id" "$@"
}
# clients in VLAN 7 inside VLAN 5, servers in VLAN 9
net_up --arms 2
for host in router:front director:eth0; do tagged "${host%:*}" "${host#*:}" 5 802.1ad; done
ip -n "$NET_PREFIX-director" addr flush dev eth0
ip -n "$NET_PREFIX-router" addr flush dev front
tagged router front.5 7
tagged director eth0.5 7
address router front.5.7 192.0.2.1/24 2001:db8:a::1/64
address director eth0.5.7 $DIRECTOR4/24 $DIRECTOR6/64 $VIP4/32 $VIP6/128
to_vlan router back 9 10.20.0.1/24 2001:db8:b::1/64
to_vlan director eth1 9 10.20.0.2/24 2001:db8:b::2/64
ip -n "$NET_PREFIX-director" route replace default via 192.0.2.1
ip -n "$NET_PREFIX-director" -6 route replace default via 2001:db8:a::1
for n in 1 2 3; do
	to_vlan "server$n" eth0 9 "$(server_address $n 4)/24" "$(server_address $n 6)/64"
	for family in 4 6; do
		if ((family == 4)); then lan=10.20.0.; else lan=2001:db8:b::; fi
		ip -n "$NET_PREFIX-server$n" -$family route replace default via ${lan}1 dev eth0.9 table 100
		ip -n "$NET_PREFIX-server$n" -$family route replace default via ${lan}2 dev eth0.9
	done
done
director xlvs attach --mode generic eth0.5.7 eth1.9 --conns 65536
serve_http
serve_traffic
port=80
for method in dr nat; do
	for family in 4 6; do
		add_service $method $family -t $port rr
		line=$(traffic http "$(vip $family)" $port --requests 12 --timeout 3 || true)
		equal "$method over IPv$family: answered by each server" '4 4 4' "$(shares "$line")"
		port=$((port + 1))
	done
done
equal 'packets that went astray' '' "$(director xlvs status | awk '$4 == "NO_ROUTE" || $4 == "HEADROOM" || $4 == "SERVER_LOCAL"')"
finish
