#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: vlan.sh: clients and real servers in VLANs, one of them in two tags (QinQ): balanced by native XDP on the interfaces
# below, both families, each method, and by generic XDP on the VLAN interfaces. Runs in user-mode Linux, whose kernel has VLANs.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(realpath -- "${XLVS_BUILD:-$here/../../build/release}")

if [[ ${1:-} != --inside ]]; then
	PATH=$PATH:/sbin:/usr/sbin type -P linux.uml >/dev/null || {
		echo 'skipped: needs linux.uml (tools/install-deps oracle)'
		exit 77
	}
	exec "$here/../../tools/oracle/uml" --timeout 900 --see "$build" --env "XLVS_BUILD=$build" "$here/vlan.sh" --inside
fi

modprobe -a bridge 8021q
# shellcheck source=tests/e2e/lib.sh
. "$here/lib.sh"

# tagged NAME DEV ID [PROTOCOL]: an interface for the tag on DEV, which is left to carry it
# whose senders leave no tag to the hardware: XDP would not see it
tagged() {
	in_ns "$1" ethtool -K "$2" txvlan off tx-vlan-stag-hw-insert off >/dev/null 2>&1 || true
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
# what carries the tags of others must not hide them, either
for port in client director-eth0 director-eth1 server1-eth0 server2-eth0 server3-eth0; do
	in_router ethtool -K "$port" txvlan off tx-vlan-stag-hw-insert off >/dev/null
done
serve_http
serve_traffic
head -c 1000000 /dev/urandom >"$NET_DIR/files/blob"
want=$(sha256sum <"$NET_DIR/files/blob")

# balanced MODE PORT: each method, both families, from PORT on
balanced() {
	local mode=$1 port=$2 method family line
	for method in dr ipip nat; do
		for family in 4 6; do
			add_service $method $family -t "$port" rr
			line=$(traffic http "$(vip $family)" "$port" --requests 6 --timeout 3 || true)
			equal "$mode, $method over IPv$family: answered by each server" '2 2 2' "$(shares "$line")"
			equal "$mode, $method over IPv$family: a file" "$want" \
				"$(in_client curl -sS --max-time 20 "http://$(service $family "$port")/files/blob" | sha256sum)"
			director ipvsadm -C
		done
	done
}
passed() { director xlvs status | awk -v r="$1" '$4 == r { print $2 }'; }

says() { director xlvs attach "$@" 2>&1 || true; }
check 'a VLAN interface names the one below' grep -q 'xlvs attach eth1' <<<"$(says eth1.9)"
said=$(director xlvs attach eth0 eth1 --conns 65536)
echo "$said"
equal 'VLANs that came with their interfaces' 'eth0.5 eth0.5.7 eth1.9' "$(sed -n 's/: VLAN on .*//p' <<<"$said" | sort | xargs)"
check 'and cannot be attached themselves' grep -q 'balanced at eth1' <<<"$(says eth1.9 --mode generic)"
balanced native 80
equal 'tags that nobody knew' '' "$(passed VLAN)"
at_most() { (($3 <= $2)) && echo "ok: $1: $3" || { echo "NOT OK: $1: $3, expected at most $2"; CHECK_FAILED=1; }; }
slow=$(passed NEIGHBOUR)
echo "by the slow path: ${slow:-0}"
at_most 'packets that went by the slow path' 400 "${slow:-0}"
director xlvs detach
equal 'filters that are left' 0 "$(for dev in eth0.5 eth0.5.7 eth1.9; do in_director tc filter show dev $dev ingress; done | grep -c xlvs || true)"

director xlvs attach --mode generic eth0.5.7 eth1.9 --conns 65536
balanced generic 80
equal 'packets that went astray' '' "$(director xlvs status | awk '$4 == "NO_ROUTE" || $4 == "HEADROOM" || $4 == "SERVER_LOCAL"')"
finish
