#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: offload.sh dr|ipip|nat 4|6: generic mode between hosts whose offloads are on: segments put together and checksums
# left open arrive right, and so do errors about them.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2

attached
director xlvs detach
for cable in client:eth0 router:client router:director-eth0 router:director-eth1 server1:eth0 server2:eth0 server3:eth0 \
	router:server1-eth0 router:server2-eth0 router:server3-eth0 director:eth0 director:eth1; do
	in_ns "${cable%:*}" ethtool -K "${cable#*:}" tx on gso on tso on gro on >/dev/null 2>&1 || true
done
# what XDP programs at the far ends would turn off
for port in director-eth0 director-eth1; do in_router ip link set dev $port xdpdrv off; done
director xlvs attach eth0 eth1 --mode generic --conns 65536
serve_http
serve_traffic
head -c 8000000 /dev/urandom >"$NET_DIR/files/blob"
add_service "$method" "$family" -t 80 rr
add_service "$method" "$family" -t 9100 rr
director ipvsadm -A -t "$(service "$family" 81)" -s rr

want=$(sha256sum <"$NET_DIR/files/blob")
got=$(in_client curl -sS --max-time 60 "http://$(service "$family" 80)/files/blob" | sha256sum)
equal 'digest of 8 MB from a real server' "$want" "$got"
check 'digest of 8 MB to a real server' traffic upload "$(vip "$family")" 9100 --bytes 8000000

# the error about a SYN whose checksum was left open
equal 'a service without servers' ConnectionRefusedError "$(in_client python3 - "$(vip "$family")" <<-'END'
	import socket, sys
	try:
	    socket.create_connection((sys.argv[1], 81), timeout=3)
	except OSError as error:
	    print(type(error).__name__)
END
)"
equal 'packets that went astray' '' "$(director xlvs status | awk '$4 == "TOO_BIG" || $4 == "SEGMENTS" || $4 == "NO_ROUTE"')"
finish
