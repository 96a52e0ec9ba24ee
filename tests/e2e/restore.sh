#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: restore.sh: ipvsadm-restore of 10,000 lines, again and again, under traffic: no client ever meets an empty table.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
seconds=6
[[ ! ${XLVS_LONG:-} ]] || seconds=60

# shellcheck disable=SC2317 # called by wait_for
held() { (($(director ipvsadm -Ln -t "$VIP4:9000" | awk '$1 == "->" && $2 ~ /[0-9]:/ { s += $5 } END { print s }') == 12)); }

attached --arms 2
serve_http
serve_traffic
add_service dr 4 -t 80 wrr
add_service dr 4 -t 9000 wrr
# Two tables of 10,000 lines: the two services that have traffic, and 909 others with ten servers each
{
	director ipvsadm-save -n
	for ((i = 0; i < 909; i++)); do
		echo "-A -t 10.99.$((i / 256)).$((i % 256)):80 -s rr"
		for n in 1 2 3 4 5 6 7 8 9 10; do echo "-a -t 10.99.$((i / 256)).$((i % 256)):80 -r 10.98.0.$n:80 -m -w 1"; done
	done
} >"$NET_DIR/rules"
sed "s/-w 1$/-w 3/" "$NET_DIR/rules" >"$NET_DIR/others"
at_least 'lines of the table' 10000 "$(wc -l <"$NET_DIR/rules")"

traffic hold $VIP4 9000 --flows 12 --seconds $seconds >"$NET_DIR/long" 2>&1 &
long=$!
wait_for 10 held || true
traffic_starts "$NET_DIR/short" http $VIP4 80 --seconds $seconds --threads 4
restores=0 failed=0
from=${EPOCHREALTIME/./}
while kill -0 "$TRAFFIC" 2>/dev/null; do
	for table in rules others; do
		director ipvsadm-restore <"$NET_DIR/$table" || failed=$((failed + 1))
		restores=$((restores + 1))
	done
done
each_ms=$(((${EPOCHREALTIME/./} - from) / restores / 1000))
traffic_ends "$NET_DIR/short"
line=$LINE
wait "$long" || true

echo "$restores restores, $each_ms ms each"
equal 'restores that failed' 0 "$failed"
at_least 'restores' 4 $restores
at_least 'requests' 100 "$(value "$line" asked)"
equal 'requests answered' "$(value "$line" asked)" "$(value "$line" answered)"
equal 'long connections that lived through it' 12 "$(value "$(grep ^asked "$NET_DIR/long")" answered)"
equal 'clients that met no service or no server' 0 "$(director xlvs status | awk '$4 == "NO_SERVER" || $4 == "SERVER_GONE" { n += $2 } END { print n + 0 }')"
director ipvsadm-restore <"$NET_DIR/rules"
director ipvsadm-save -n | sort >"$NET_DIR/saved"
sort "$NET_DIR/rules" >"$NET_DIR/sorted"
check 'what was restored is what is saved' cmp "$NET_DIR/sorted" "$NET_DIR/saved"
finish
