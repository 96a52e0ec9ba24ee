#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: joined.sh: XDP and kernel IPVS in one kernel (user-mode Linux) serve one table, each its services: every request is
# answered, each flow has one owner, and listings are those of the real ipvsadm for the same commands.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$(realpath -- "${XLVS_BUILD:-$here/../../build/release}")

if [[ ${1:-} != --inside ]]; then
	for program in linux.uml ipvsadm; do
		PATH=$PATH:/sbin:/usr/sbin type -P $program >/dev/null || {
			echo "skipped: needs $program (tools/install-deps oracle)"
			exit 77
		}
	done
	exec "$here/../../tools/oracle/uml" --timeout 400 --see "$build" --env "XLVS_BUILD=$build" "$here/joined.sh" --inside
fi

for module in bridge ip_vs_rr ip_vs_wrr ip_vs_wlc ip_vs_pe_sip; do
	modprobe "$module"
done
# shellcheck source=tests/e2e/lib.sh
. "$here/lib.sh"

# both ARG...: a command of ours on the director, and of the real ipvsadm in a namespace of its own
both() {
	director ipvsadm "$@"
	in_ns reference "$REAL" "$@"
}
# same_listing ARG...
same_listing() {
	in_ns reference "$REAL" "$@" >"$NET_DIR/real" 2>&1 || true
	director ipvsadm "$@" >"$NET_DIR/ours" 2>&1 || true
	check "ipvsadm $* is the real one's" diff "$NET_DIR/real" "$NET_DIR/ours"
}
# answered TEXT PORT REQUESTS SHARES: from client ports that were not used before, for a known flow keeps its server
NEXT_PORT=20000
answered() {
	local line
	line=$(traffic http $VIP4 "$2" --requests "$3" --timeout 2 --first-port $NEXT_PORT || true)
	NEXT_PORT=$((NEXT_PORT + $3))
	equal "$1: answered" "$3" "$(value "$line" answered)"
	equal "$1: shares" "$4" "$(shares "$line")"
}
owner_of() { director xlvs status | sed -n "s/^service *$1 [a-z]*: \([a-z]*\).*/\1/p"; }
# sip CLIENT-PORT CALL: a SIP message; prints which server echoed it
sip() {
	in_client python3 - $VIP4 "$1" "$2" <<-'END'
		import socket, sys
		vip, port, call = sys.argv[1:]
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.bind(("", int(port)))
		s.settimeout(2)
		s.sendto(f"INVITE sip:x SIP/2.0\r\nCall-ID: {call}\r\n\r\n".encode(), (vip, 9000))
		try:
		    print(s.recv(2048).split()[0].decode())
		except TimeoutError:
		    print("nobody")
	END
}

REAL=$(PATH=$PATH:/sbin:/usr/sbin type -P ipvsadm)
attached --arms 2 2>/dev/null
ns_add reference
serve_http
serve_traffic

# XDP's: HTTP. The kernel's: port 21, a persistence engine, and a firewall mark for the ports 82 and 83
in_director tc filter add dev eth0 ingress pref 2 protocol ip \
	u32 match ip dst $VIP4/32 match ip dport 82 0xfffe action skbedit mark 7
both -A -t $VIP4:80 -s rr
both -A -t $VIP4:21 -s rr
both -A -u $VIP4:9000 -s rr -p 60 --pe sip
both -A -f 7 -s rr
for n in 1 2 3; do
	server=$(server_address $n 4)
	both -a -t $VIP4:80 -r "$server" -g -w 1
	both -a -t $VIP4:21 -r "$server:8080" -m -w 1
	both -a -u $VIP4:9000 -r "$server" -g -w 1
	both -a -f 7 -r "$server" -g -w 1
done
both --set 600 60 60
for args in -Ln '-Ln --thresholds' '-Ln --persistent-conn' '-Ln --tun-info' '-S -n' '-L --timeout' '-L --daemon' \
	"-Ln -t $VIP4:21" "-Ln -t $VIP4:80" '-Ln -f 7' "-Ln -t $VIP4:22"; do
	# shellcheck disable=SC2086
	same_listing $args
done
equal 'owner of port 80' xdp "$(owner_of "TCP $VIP4:80")"
equal 'owner of port 21' kernel "$(owner_of "TCP $VIP4:21")"
equal 'owner of the engine' kernel "$(owner_of "UDP $VIP4:9000")"
equal 'owner of the mark' kernel "$(owner_of 'FWM 7')"
equal 'services that the kernel knows' 3 "$(in_director grep -cE '^(TCP|UDP|FWM)' /proc/net/ip_vs)"

services_of() { director env "XLVS_BACKEND=$1" ipvsadm -Ln | grep -cE '^(TCP|UDP|FWM)'; }
equal 'services by XLVS_BACKEND: auto, xdp, kernel' '4 1 3' "$(services_of auto) $(services_of xdp) $(services_of kernel)"

# What others define at the kernel, as keepalived does through netlink, is the kernel's, and one can go on with it
in_director "$REAL" -A -t $VIP4:85 -s rr
in_ns reference "$REAL" -A -t $VIP4:85 -s rr
both -a -t $VIP4:85 -r "$(server_address 1 4)" -g -w 3
same_listing -Ln
equal 'owner of what another program defined' kernel "$(owner_of "TCP $VIP4:85")"
both -D -t $VIP4:85

answered 'XDP, port 80' 80 30 '10 10 10'
answered 'kernel, port 21 with NAT' 21 30 '10 10 10'
answered 'kernel, a mark, port 82' 82 15 '5 5 5'
answered 'kernel, the same mark, port 83' 83 15 '5 5 5'
first=$(sip 5061 call-a)
equal 'one call, another client port: one server' "$first $first $first" "$(sip 5062 call-a) $(sip 5063 call-a) $(sip 5064 call-a)"
check 'another call, another server' test "$first" != "$(sip 5065 call-b)"
equal 'connections of XDP in -Lc' 30 "$(director ipvsadm -Lnc | grep -c "$VIP4:80 ")"
equal 'connections of the kernel in -Lc' 30 "$(director ipvsadm -Lnc | grep -c "$VIP4:21 ")"
# shellcheck disable=SC2016 # awk's
equal "XDP's connections in the kernel" 0 "$(in_director awk '$5 == "0050"' /proc/net/ip_vs_conn | wc -l)"
counted 'connections by server, XDP' '10 10 10' 4 -t 80
counted 'connections by server, kernel' '10 10 10' 4 -t 21
director ipvsadm -Z
counted 'after -Z, XDP' '0 0 0' 4 -t 80
counted 'after -Z, kernel' '0 0 0' 4 -t 21

# A service moves, and the connections that XDP has of it go on there, by NAT and by direct routing; new ones are the
# kernel's. One that lives longer ends with its server.
HELD=0
# shellcheck disable=SC2317 # called by wait_for
held() { HELD=$(connections_now 4 -t 9000) && ((HELD == $1)); }
both -A -t $VIP4:9000 -s rr
both -a -t $VIP4:9000 -r "$(server_address 1 4):9001" -m -w 1
for n in 2 3; do both -a -t $VIP4:9000 -r "$(server_address $n 4)" -g -w 1; done
traffic hold $VIP4 9000 --flows 6 --seconds 8 --timeout 2 >"$NET_DIR/moved" 2>&1 &
moved=$!
wait_for 10 held 6 || true
equal 'long connections before the move' 6 "$HELD"
both -E -t $VIP4:9000 -s rr --pe sip
equal 'owner of port 9000' kernel "$(owner_of "TCP $VIP4:9000")"
equal 'they count at their servers' 6 "$(connections_now 4 -t 9000)"
line=$(traffic hold $VIP4 9000 --flows 6 --seconds 1 --timeout 2 | grep ^asked || true)
equal 'new connections beside them' 6 "$(value "$line" answered)"
# shellcheck disable=SC2016 # awk's
at_least 'entries of theirs in the kernel' 6 "$(in_director awk '$5 == "2328"' /proc/net/ip_vs_conn | wc -l)"
wait "$moved" || true
equal 'connections that lived through the move' 6 "$(value "$(grep ^asked "$NET_DIR/moved")" answered)"
both -D -t $VIP4:9000
both -A -t $VIP4:9000 -s rr
for n in 1 2 3; do both -a -t $VIP4:9000 -r "$(server_address $n 4)" -g -w 1; done
equal 'owner of port 9000, defined anew' xdp "$(owner_of "TCP $VIP4:9000")"
before=$(connections_now 4 -t 9000)
traffic hold $VIP4 9000 --flows 6 --seconds 6 --timeout 2 >"$NET_DIR/moved" 2>&1 &
moved=$!
wait_for 10 held $((before + 6)) || true
both -E -t $VIP4:9000 -s rr --pe sip
both -d -t $VIP4:9000 -r "$(server_address 2 4)"
wait "$moved" || true
equal 'connections that lived through the move, but for a server' 4 "$(value "$(grep ^asked "$NET_DIR/moved")" answered)"
both -D -t $VIP4:9000

# A service moves under traffic: requests that are under way at that moment may be lost, no others. XDP has all
# ports of the address, until one of them is the kernel's.
both -D -t $VIP4:21
both -A -t $VIP4:0 -s rr -p 60
for n in 1 2 3; do both -a -t $VIP4:0 -r "$(server_address $n 4)" -g -w 1; done
equal 'owner of all ports' xdp "$(owner_of "TCP $VIP4:0")"
traffic_starts "$NET_DIR/http" http $VIP4 84 --seconds 6 --threads 2 --timeout 2 --first-port 30000
sleep 2
both -A -t $VIP4:21 -s rr
for n in 1 2 3; do both -a -t $VIP4:21 -r "$(server_address $n 4):8080" -m -w 1; done
traffic_ends "$NET_DIR/http"
lost=$(($(value "$LINE" asked) - $(value "$LINE" answered)))
at_least 'requests beside a move' 50 "$(value "$LINE" asked)"
check "at most 2 of them unanswered: $lost" test "$lost" -le 2
equal 'owner of all ports after it' kernel "$(owner_of "TCP $VIP4:0")"
equal 'owner of port 80' xdp "$(owner_of "TCP $VIP4:80")"
same_listing -S -n
answered 'kernel, port 21 beside all ports' 21 30 '10 10 10'
# A restore changes what differs and no more: requests to a service of the kernel never meet an empty table
director ipvsadm-save -n | grep "$VIP4:21 " >"$NET_DIR/one"
{
	head -n 1 "$NET_DIR/one"
	tail -n +2 "$NET_DIR/one" | tac | sed 's/-w 1$/-w 3/'
} >"$NET_DIR/other"
director ipvsadm-save -n | grep -v "$VIP4:21 " | tee -a "$NET_DIR/one" >>"$NET_DIR/other"
traffic_starts "$NET_DIR/http" http $VIP4 21 --until "$NET_DIR/stop" --threads 2 --timeout 2 --first-port 40000
for _ in 1 2 3 4 5; do
	for table in one other; do director ipvsadm-restore <"$NET_DIR/$table"; done
done
touch "$NET_DIR/stop"
traffic_ends "$NET_DIR/http"
at_least 'requests beside ten restores' 30 "$(value "$LINE" asked)"
equal 'answered' "$(value "$LINE" asked)" "$(value "$LINE" answered)"
director ipvsadm-restore <"$NET_DIR/one"
same_listing -S -n

both -D -t $VIP4:21
equal 'it stays there' kernel "$(owner_of "TCP $VIP4:0")"

# Save and restore decides anew
director ipvsadm-save -n >"$NET_DIR/rules"
director ipvsadm-restore <"$NET_DIR/rules"
equal 'owner of all ports after a restore' xdp "$(owner_of "TCP $VIP4:0")"
director ipvsadm-save -n >"$NET_DIR/again"
check 'the same table is saved again' cmp "$NET_DIR/rules" "$NET_DIR/again"
answered 'XDP, port 80 again' 80 30 '10 10 10'
director ipvsadm -D -t $VIP4:0 # it has the marked packets, too, and XDP sees them first
answered 'kernel, the mark again' 82 15 '5 5 5'
director ipvsadm -C
equal 'services that the kernel knows after -C' 0 "$(in_director grep -cE '^(TCP|UDP|FWM)' /proc/net/ip_vs || true)"
equal 'nothing is left' '' "$(director ipvsadm -S -n)"
finish
