#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: replies.sh 4|6: NAT's way back where XDP does not see it: real servers behind an interface without XDP, and the
# director itself. Whole transfers over TCP, datagrams, and errors of a port where nobody listens.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
family=$1

net_up --servers 1
director xlvs attach eth0 --conns 65536 # not eth1, where the servers are
serve_http
serve_traffic
head -c 5000000 /dev/urandom >"$NET_DIR/files/blob"
want=$(sha256sum <"$NET_DIR/files/blob")
fetched() { in_client curl -sS --max-time 60 "http://$(service "$family" "$1")/files/blob" | sha256sum; }

add_service nat "$family" -t 80 rr
add_service nat "$family" -u 9000 rr
add_service nat "$family" -t 9100 rr
equal 'digest of 5 MB from a server behind an interface without XDP' "$want" "$(fetched 80)"
check 'and to it' traffic upload "$(vip "$family")" 9100 --bytes 5000000
line=$(traffic udp "$(vip "$family")" 9000 --requests 100 || true)
equal 'datagrams answered' 100 "$(value "$line" answered)"

here=$DIRECTOR4
((family == 4)) || here=$DIRECTOR6
mkdir -p "$NET_DIR/director"
ln -sfn "$NET_DIR/files" "$NET_DIR/director/files"
in_director busybox httpd -f -p '[::]:8081' -h "$NET_DIR/director" </dev/null >/dev/null 2>&1 &
disown $!
wait_for 5 in_director curl -s -o /dev/null http://127.0.0.1:8081/
director ipvsadm -A -t "$(service "$family" 81)" -s rr
director ipvsadm -a -t "$(service "$family" 81)" -r "$(bracket "$here"):8081" -m
equal 'digest of 5 MB from the director itself' "$want" "$(fetched 81)"
director ipvsadm -A -t "$(service "$family" 82)" -s rr
director ipvsadm -a -t "$(service "$family" 82)" -r "$(bracket "$here"):8082" -m
refused() { in_client curl -s -o /dev/null -m 2 "http://$(service "$family" 82)/"; (($? == 7)); }
check 'a port of the director where nobody listens refuses at once' refused
director ipvsadm -A -u "$(service "$family" 83)" -s rr
director ipvsadm -a -u "$(service "$family" 83)" -r "$(bracket "$here"):8083" -m
unreachable() {
	in_client python3 - "$(vip "$family")" <<-'PYTHON'
		import socket, sys
		s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
		s.connect((sys.argv[1], 83))
		s.settimeout(2)
		s.send(b"?")
		try:
		    s.recv(1)
		except ConnectionRefusedError:
		    sys.exit(0)
		sys.exit(1)
	PYTHON
}
check 'and says so for datagrams' unreachable
finish
