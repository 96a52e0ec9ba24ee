#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: ldirectord.sh: Debian's ldirectord drives our ipvsadm: a stopped HTTP server leaves the service and comes back.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
PATH=$PATH:/sbin:/usr/sbin command -v ldirectord >/dev/null || net_skip 'needs ldirectord (tools/install-deps test)'

attached --arms 2
serve_http
# ldirectord -d takes the ipvsadm of its folder
ln -s "$XLVS_BUILD/ipvsadm/ipvsadm" "$NET_DIR/ipvsadm"
NAME=$NET_PREFIX.cf
{
	printf 'checktimeout=2\ncheckinterval=1\nautoreload=no\nlogfile="%s"\n' "$NET_DIR/ldirectord.log"
	for port in 80 81; do
		printf 'virtual=%s:%s\n' $VIP4 $port
		for n in 1 2 3; do printf '\treal=%s:%s gate 1\n' "$(server_address $n 4)" $port; done
		printf '\tservice=http\n\trequest="index.html"\n\treceive="server"\n\tscheduler=rr\n\tprotocol=tcp\n\tchecktype=negotiate\n'
		[[ $port == 80 ]] || printf '\tquiescent=yes\n'
	done
} >"$NET_DIR/$NAME"
sed -i '1i quiescent=no' "$NET_DIR/$NAME"

# weights PORT: of the real servers, in the order of their addresses
weights() { director ipvsadm -Ln -t "$VIP4:$1" 2>/dev/null | awk '$1 == "->" && $2 ~ /[0-9]:/ { sub(/.*\.1/, "", $2); sub(/:.*/, "", $2); printf "%s=%s ", $2, $4 }'; }
# shellcheck disable=SC2317 # called by wait_for
weights_are() { [[ $(weights "$1") == "$2" ]]; }
# becomes TEXT PORT WEIGHTS
becomes() {
	wait_for 20 weights_are "$2" "$3" || true
	equal "$1, port $2" "$3" "$(weights "$2")"
}
answered() { # TEXT PORT SHARES
	local line
	line=$(traffic http $VIP4 "$2" --requests 30 --timeout 3 || true)
	equal "$1: answered" 30 "$(value "$line" answered)"
	equal "$1: shares" "$3" "$(shares "$line")"
}
# httpd N PORT: the process of that server
httpd() {
	local pid
	for pid in $(ip netns pids "$NET_PREFIX-server$1"); do
		if tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q "httpd -f -p \[::\]:$2 "; then echo "$pid"; fi
	done
}

(cd "$NET_DIR" && director_exec ldirectord -d "$NET_DIR/$NAME" start) </dev/null >"$NET_DIR/said" 2>&1 &
LDIRECTORD=$!
becomes 'ldirectord made the service' 80 '1=1 2=1 3=1 '
becomes 'and another' 81 '1=1 2=1 3=1 '
answered 'all servers' 80 '10 10 10'

for port in 80 81; do kill "$(httpd 2 $port)"; done
becomes 'server 2 stopped: removed' 80 '1=1 3=1 '
becomes 'server 2 stopped: quiesced' 81 '1=1 2=0 3=1 '
answered 'without server 2' 80 '15 0 15'
answered 'with server 2 quiesced' 81 '15 0 15'

for port in 80 81; do
	in_server 2 busybox httpd -f -p "[::]:$port" -h "$NET_DIR/server2" </dev/null >/dev/null 2>&1 &
	disown $!
done
becomes 'server 2 started: added' 80 '1=1 2=1 3=1 '
becomes 'server 2 started: weight back' 81 '1=1 2=1 3=1 '
answered 'all again' 80 '10 10 10'

kill "$LDIRECTORD"
wait "$LDIRECTORD" || true
equal 'ldirectord stopped: it cleared its services' '' "$(director ipvsadm -S -n)"
check 'it had no quarrel with ipvsadm' test -z "$(grep -iE 'unknown line|failed|unable|could not' "$NET_DIR/said" || true)"
rm -f "/run/ldirectord.$NET_PREFIX.pid"
((CHECK_FAILED == 0)) || tail -n 40 "$NET_DIR/said"
finish
