#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: soak.sh dr|ipip|nat 4|6: an edit every 10 ms under traffic breaks no flow to a server that stays, and nothing is used up.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
method=$1 family=$2
seconds=12
[[ ! ${XLVS_LONG:-} ]] || seconds=3600
EDIT_US=10000
STRANGERS=40 # servers that come once in a while and get nothing: no row may be theirs for ever
FILLER=203.0.113.1:80
# those whose slots a server of weight 0 keeps, as the strangers are, with what makes up for it
SCHEDULERS=(rr wrr lc wlc sed nq fo 'sh -b sh-fallback' 'mh -b mh-fallback' lblc lblcr maglev)

web() { service "$family" "$1"; }
# room: how many real servers the table takes, those that are in it and those that it still took
room() {
	local n
	n=$(director ipvsadm -Ln | grep -c '^  -> [0-9[]')
	director ipvsadm -A -t $FILLER -s rr
	while director ipvsadm -a -t $FILLER -r "203.0.113.$((n + 1))" 2>/dev/null; do n=$((n + 1)); done
	director ipvsadm -D -t $FILLER
	echo "$n"
}
pins() { find /sys/fs/bpf/xlvs -path "*/$(in_director stat -Lc %i /proc/self/ns/net)/*" | sort; }
# The edits, one after the other: server 3 leaves the services of long and of short connections and comes back, weights and
# schedulers change, strangers come and go.
edits() {
	local third80 third9000 option stranger
	third80=$(real "$method" "$family" 3 80) third9000=$(real "$method" "$family" 3 9000) option=$(method_option "$method")
	for ((n = 0; ; n++)); do
		stranger=$(real "$method" "$family" $((20 + n % STRANGERS)) 80)
		cat <<-END || return # nobody reads any more
			-d -t $(web 9000) -r $third9000
			-e -t $(web 80) -r $(real "$method" "$family" $((n % 2 + 1)) 80) $option -w $((n % 5 + 1))
			-a -t $(web 9000) -r $third9000 $option -w $((n % 3))
			-d -t $(web 80) -r $third80
			-a -t $(web 80) -r $stranger $option -w 0
			-a -t $(web 80) -r $third80 $option -w $((n % 3 + 1)) -x $((1000 + n % 7))
			-E -t $(web 80) -s ${SCHEDULERS[n % ${#SCHEDULERS[@]}]}
			-d -t $(web 80) -r $stranger
		END
	done
}

ATTACH_SIZES=(--conns 65536 --servers 64 --services 16 --blocks 65536)
attached --arms 2
serve_http
serve_traffic
add_service "$method" "$family" -t 80 wlc
director ipvsadm -A -t "$(web 9000)" -s wrr
for n in 1 2; do
	director ipvsadm -a -t "$(web 9000)" -r "$(real "$method" "$family" $n 9000)" "$(method_option "$method")"
done
traffic hold "$(vip "$family")" 9000 --flows 16 --seconds "$seconds" >"$NET_DIR/long" 2>&1 &
long=$!
# shellcheck disable=SC2317 # called by wait_for
held() { (($(connections_now "$family" -t 9000) == 16)); }
check '16 long connections, none to server 3' wait_for 10 held
director ipvsadm -a -t "$(web 9000)" -r "$(real "$method" "$family" 3 9000)" "$(method_option "$method")"
room_before=$(room)
pins >"$NET_DIR/pins"

traffic_starts "$NET_DIR/short" http "$(vip "$family")" 80 --seconds "$seconds" --threads 2
# one shell there: to enter a namespace takes longer than an edit
edits | PATH=$XLVS_BUILD/ipvsadm:$PATH in_director bash -c '
	exec 3<> <(:) # nothing comes from there: to wait without a process
	next=${EPOCHREALTIME/./} edits=0 failed=0
	while [[ ! -s $1 ]] && read -ra words; do # the traffic writes when it ends
		ipvsadm "${words[@]}" </dev/null || failed=$((failed + 1))
		edits=$((edits + 1)) next=$((next + $2)) now=${EPOCHREALTIME/./}
		if ((next > now)); then read -rt "$(printf 0.%06d $((next - now)))" -u 3; else next=$now; fi
	done
	echo "edits=$edits failed=$failed"' edits "$NET_DIR/short" $EDIT_US >"$NET_DIR/edits" || true
edits=$(cat "$NET_DIR/edits")
traffic_ends "$NET_DIR/short"
line=$LINE
wait "$long" || true

echo "$(value "$edits" edits) edits in $seconds s, $(value "$line" answered) of $(value "$line" asked) requests answered, the slowest in $(value "$line" slowest_ms) ms"
equal 'edits that failed' 0 "$(value "$edits" failed)"
at_least 'edits' $((seconds * 5)) "$(value "$edits" edits)"
at_least 'requests' 100 "$(value "$line" asked)"
equal 'requests answered' "$(value "$line" asked)" "$(value "$line" answered)"
equal 'long connections that lived through it' 16 "$(value "$(grep ^asked "$NET_DIR/long")" answered)"
equal 'processes on the director' '' "$(ip netns pids "$NET_PREFIX-director")"
check 'the same pins as before' cmp "$NET_DIR/pins" <(pins)
# those who left have no connections, so their rows are free for others
equal 'real servers that the table takes' "$room_before" "$(room)"
finish
