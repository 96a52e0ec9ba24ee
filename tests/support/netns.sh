# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# A disposable network of namespaces: a client, a router that is also the switch, a director and real servers.
#
#   client ── router ─┬─ front ── director eth0
#                     └─ back ─── director eth1, server1..N eth0     (two arms)
#
# With one arm the servers are on front and the director has no eth1. Real
# servers hold the virtual addresses on lo. What they send from a virtual
# address leaves through the router (direct routing, tunnels), what they send
# from their own address through the director (NAT): all three methods work at
# the same time. Tunnel headers are taken off by decap.bpf.c.
#
# Everything is removed on exit; a guard does it if this shell is killed, and
# the next run removes what a crash of the machine's shell left.
#
#   net_up [--arms 1|2] [--servers N]     then  in_client CMD, in_director CMD, in_server N CMD
#   serve_http                            a real HTTP server in every real server
#   director CMD                          in_director with xlvs and ipvsadm of the build first in PATH

XLVS_ROOT=${XLVS_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
XLVS_BUILD=${XLVS_BUILD:-$XLVS_ROOT/build/release}

NET_PREFIX=xlvs-$$
NET_DIR='' # scratch folder of this run
NET_ARMS=2
NET_SERVERS=3
NET_MTU=1600 # of front and back: room for a tunnel header around 1500 bytes

CLIENT4=198.51.100.10 CLIENT6=2001:db8:c::10
VIP4=192.0.2.80 VIP6=2001:db8:a::80
DIRECTOR4=192.0.2.2 DIRECTOR6=2001:db8:a::2

net_say() { printf '%s\n' "$*" >&2; }

# Ends a test that this machine cannot run: ctest counts it as skipped.
net_skip() {
	printf 'skipped: %s\n' "$*"
	exit 77
}

# --- addresses ---------------------------------------------------------------

# server_address N 4|6: where the director finds real server N
server_address() {
	case $NET_ARMS$2 in
	14) echo "192.0.2.$((10 + $1))" ;;
	16) echo "2001:db8:a::$((10 + $1))" ;;
	24) echo "10.20.0.$((10 + $1))" ;;
	26) echo "2001:db8:b::$((10 + $1))" ;;
	esac
}
vip() { if [[ $1 == 4 ]]; then echo $VIP4; else echo $VIP6; fi; }
# An address as part of host:port
bracket() { if [[ $1 == *:* ]]; then echo "[$1]"; else echo "$1"; fi; }

# --- running commands --------------------------------------------------------

in_ns() { # NAME CMD...
	local name=$1
	shift
	ip netns exec "$NET_PREFIX-$name" "$@"
}
in_client() { in_ns client "$@"; }
in_router() { in_ns router "$@"; }
in_director() { in_ns director "$@"; }
in_server() {
	local n=$1
	shift
	in_ns "server$n" "$@"
}
director() {
	PATH=$XLVS_BUILD/ipvsadm:$XLVS_BUILD/loader:$PATH in_director "$@"
}
# The same in this process: in the background, $! is then the command itself.
director_exec() {
	PATH=$XLVS_BUILD/ipvsadm:$XLVS_BUILD/loader:$PATH exec ip netns exec "$NET_PREFIX-director" "$@"
}

# --- what must be there ------------------------------------------------------

# Says in one line why no network can be built here, or nothing.
net_obstacle() {
	local file
	((EUID == 0)) || { echo "needs root"; return; }
	for file in ip ethtool curl busybox python3; do
		command -v $file >/dev/null || { echo "needs the command $file (tools/install-deps)"; return; }
	done
	for file in pass decap; do
		[[ -e $XLVS_BUILD/tests/support/xlvs_test_$file.bpf.o ]] || { echo "needs a build in $XLVS_BUILD"; return; }
	done
	ip netns add "$NET_PREFIX-probe" 2>/dev/null || { echo "cannot make network namespaces here"; return; }
	ip netns del "$NET_PREFIX-probe"
}

# --- removal -----------------------------------------------------------------

# net_remove PREFIX: ends the processes in the namespaces of a run and removes them
net_remove() {
	local ns
	if [[ -e /run/netns/$1-director && -x $XLVS_BUILD/loader/xlvs ]]; then
		ip netns exec "$1-director" "$XLVS_BUILD/loader/xlvs" detach >/dev/null 2>&1 || true
	fi
	for ns in /run/netns/"$1"-*; do
		[[ -e $ns ]] || continue
		ns=${ns##*/}
		ip netns pids "$ns" 2>/dev/null | xargs -r kill -KILL 2>/dev/null || true
		ip netns del "$ns" 2>/dev/null || true
	done
	rm -rf "${TMPDIR:-/tmp}/$1"
}

# Removes what runs left behind whose process is gone.
net_reap() {
	local ns prefix pid
	for ns in /run/netns/xlvs-[0-9]*-*; do
		[[ -e $ns ]] || continue
		prefix=${ns##*/}
		prefix=${prefix%-*}
		pid=${prefix#xlvs-}
		[[ $pid =~ ^[0-9]+$ ]] || continue
		kill -0 "$pid" 2>/dev/null || net_remove "$prefix"
	done
}

net_down() {
	trap - EXIT INT TERM HUP
	[[ ${NET_GUARD:-} ]] && kill -- "-$NET_GUARD" 2>/dev/null
	net_remove "$NET_PREFIX"
}

# A process of its own session that removes the network when this shell is gone, however it went.
net_guard() {
	# shellcheck disable=SC2016 # expanded by the guard
	setsid bash -c '
		tail --pid="$1" -f /dev/null
		. "$2"
		XLVS_BUILD=$3
		net_remove "$4"
	' net-guard $$ "$XLVS_ROOT/tests/support/netns.sh" "$XLVS_BUILD" "$NET_PREFIX" </dev/null >/dev/null 2>&1 &
	NET_GUARD=$!
	disown "$NET_GUARD"
}

# Exit by a signal with the status that shells give it, after cleaning up.
net_interrupted() {
	net_down
	exit $((128 + $1))
}

# --- building ----------------------------------------------------------------

# ns_add NAME: a namespace without waiting times and filters that are not the matter here
ns_add() {
	local ns=$NET_PREFIX-$1
	ip netns add "$ns"
	ip -n "$ns" link set lo up
	ip netns exec "$ns" sysctl -qw \
		net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0
}

# cable NAME1 DEV1 NAME2 DEV2 MTU: a veth pair between two namespaces. Without
# checksum and segmentation offload: a sender that leaves checksums to the
# hardware would hand XDP unfinished ones, which no wire carries.
cable() {
	local a=$NET_PREFIX-$1 b=$NET_PREFIX-$3
	ip -n "$a" link add "$2" mtu "$5" type veth peer name "$4" mtu "$5" netns "$b"
	ip netns exec "$a" ethtool -K "$2" tx off gso off tso off gro off >/dev/null
	ip netns exec "$b" ethtool -K "$4" tx off gso off tso off gro off >/dev/null
	ip -n "$a" link set "$2" up
	ip -n "$b" link set "$4" up
}

address() { # NAME DEV ADDRESS/PREFIX...
	local ns=$NET_PREFIX-$1 dev=$2 a
	shift 2
	for a; do
		if [[ $a == *:* ]]; then
			ip -n "$ns" addr add "$a" dev "$dev" nodad
		else
			ip -n "$ns" addr add "$a" dev "$dev"
		fi
	done
}

xdp_load() { # NAME DEV pass|decap
	ip -n "$NET_PREFIX-$1" link set dev "$2" xdpdrv obj "$XLVS_BUILD/tests/support/xlvs_test_$3.bpf.o" sec xdp
}

add_switch() { # BRIDGE ADDRESS...
	ip -n "$NET_PREFIX-router" link add "$1" mtu "$NET_MTU" type bridge stp_state 0 forward_delay 0 mcast_snooping 0
	ip netns exec "$NET_PREFIX-router" ethtool -K "$1" tx off gso off tso off gro off >/dev/null
	ip -n "$NET_PREFIX-router" link set "$1" up
	address router "$@"
}

# plug NAME DEV BRIDGE: connects a host to a switch
plug() {
	local port=$1-$2
	cable "$1" "$2" router "$port" "$NET_MTU"
	ip -n "$NET_PREFIX-router" link set "$port" master "$3"
	[[ $1 != director ]] || xdp_load router "$port" pass
}

add_client() {
	ns_add client
	cable client eth0 router client 1500
	address client eth0 $CLIENT4/24 $CLIENT6/64
	address router client 198.51.100.1/24 2001:db8:c::1/64
	ip -n "$NET_PREFIX-client" route add default via 198.51.100.1
	ip -n "$NET_PREFIX-client" -6 route add default via 2001:db8:c::1
}

add_director() {
	ns_add director
	in_director sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	plug director eth0 front
	address director eth0 $DIRECTOR4/24 $DIRECTOR6/64 $VIP4/32 $VIP6/128
	if ((NET_ARMS == 2)); then
		plug director eth1 back
		address director eth1 10.20.0.2/24 2001:db8:b::2/64
	fi
	ip -n "$NET_PREFIX-director" route add default via 192.0.2.1
	ip -n "$NET_PREFIX-director" -6 route add default via 2001:db8:a::1
}

add_server() { # N
	local ns=$NET_PREFIX-server$1 lan=10.20.0 lan6=2001:db8:b: switch=back
	((NET_ARMS == 2)) || { lan=192.0.2 lan6=2001:db8:a: switch=front; }
	ns_add "server$1"
	in_server "$1" sysctl -qw net.ipv4.conf.all.arp_ignore=1 net.ipv4.conf.all.arp_announce=2
	plug "server$1" eth0 $switch
	xdp_load "server$1" eth0 decap
	address "server$1" eth0 "$(server_address "$1" 4)/24" "$(server_address "$1" 6)/64"
	address "server$1" lo $VIP4/32 $VIP6/128
	ip -n "$ns" -batch - <<-END
		rule add from $VIP4 lookup 100
		route add default via $lan.1 dev eth0 table 100
		route add default via $lan.2 dev eth0
	END
	ip -n "$ns" -6 -batch - <<-END
		rule add from $VIP6 lookup 100
		route add default via $lan6:1 dev eth0 table 100
		route add default via $lan6:2 dev eth0
	END
}

# add_vip ADDRESS...: further virtual addresses on the director and on all real servers
add_vip() {
	local a n ip prefix
	for a; do
		ip="ip -4" prefix=32
		[[ $a != *:* ]] || ip="ip -6" prefix=128
		address director eth0 "$a/$prefix"
		for ((n = 1; n <= NET_SERVERS; n++)); do
			address "server$n" lo "$a/$prefix"
			$ip -n "$NET_PREFIX-server$n" rule add from "$a" lookup 100
		done
	done
}

# net_begin: a scratch folder and nothing else yet; all that comes is removed however this shell ends
net_begin() {
	local obstacle
	obstacle=$(net_obstacle)
	[[ ! $obstacle ]] || net_skip "$obstacle"
	net_reap
	NET_DIR=${TMPDIR:-/tmp}/$NET_PREFIX
	mkdir -p "$NET_DIR"
	net_guard
	trap net_down EXIT
	trap 'net_interrupted 1' HUP
	trap 'net_interrupted 2' INT
	trap 'net_interrupted 15' TERM
}

net_up() {
	local n
	while (($#)); do
		case $1 in
		--arms) NET_ARMS=$2 ;;
		--servers) NET_SERVERS=$2 ;;
		*) net_say "net_up: unknown option $1"; return 2 ;;
		esac
		shift 2
	done
	net_begin

	ns_add router
	in_router sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
	add_switch front 192.0.2.1/24 2001:db8:a::1/64
	((NET_ARMS == 1)) || add_switch back 10.20.0.1/24 2001:db8:b::1/64
	add_client
	add_director
	for ((n = 1; n <= NET_SERVERS; n++)); do
		add_server "$n"
	done
}

# --- services ----------------------------------------------------------------

# wait_for SECONDS CMD...: until the command succeeds
wait_for() {
	local until=$((SECONDS + $1 + 1))
	shift
	until "$@" >/dev/null 2>&1; do
		((SECONDS < until)) || return 1
		sleep 0.05
	done
}

# A real HTTP server on ports 80 to 84 and 8080 of every real server; it answers
# its own name. Everything in $NET_DIR/files can be fetched from each.
serve_http() {
	local n port ports=(80 81 82 83 84 8080)
	mkdir -p "$NET_DIR/files"
	for ((n = 1; n <= NET_SERVERS; n++)); do
		mkdir -p "$NET_DIR/server$n"
		echo "server$n" >"$NET_DIR/server$n/index.html"
		ln -sfn "$NET_DIR/files" "$NET_DIR/server$n/files"
		for port in "${ports[@]}"; do
			in_server "$n" busybox httpd -f -p "[::]:$port" -h "$NET_DIR/server$n" </dev/null >/dev/null 2>&1 &
			disown $!
		done
	done
	for ((n = 1; n <= NET_SERVERS; n++)); do
		for port in "${ports[@]}"; do
			wait_for 5 in_server "$n" curl -s -o /dev/null "http://127.0.0.1:$port/" ||
				{ net_say "no HTTP server on port $port of server$n"; return 1; }
		done
	done
}
