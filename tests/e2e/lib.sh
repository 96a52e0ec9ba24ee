# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What the end-to-end tests share: a balanced service on a fresh network, and checks that say what was wrong.
#
# A test names its method (dr, ipip, nat) and family (4, 6). Ports 80 to 89 are
# HTTP, 9000 is the echo; NAT translates them to 8080 and 9001.

# shellcheck source=tests/support/netns.sh
. "$(dirname "${BASH_SOURCE[0]}")/../support/netns.sh"

CHECK_FAILED=0

# check TEXT CMD...: the command must succeed; the test goes on and fails at its end
check() {
	local text=$1
	shift
	if "$@"; then
		echo "ok: $text"
	else
		echo "NOT OK: $text"
		CHECK_FAILED=1
	fi
}

# equal TEXT EXPECTED ACTUAL
equal() {
	if [[ $2 == "$3" ]]; then
		echo "ok: $1: $3"
	else
		printf 'NOT OK: %s\n  expected: %s\n  actual:   %s\n' "$1" "$2" "$3"
		CHECK_FAILED=1
	fi
}

# at_least TEXT LEAST ACTUAL, whole numbers
at_least() {
	if (($3 >= $2)); then
		echo "ok: $1: $3"
	else
		echo "NOT OK: $1: $3, expected at least $2"
		CHECK_FAILED=1
	fi
}

# Ends a test: with what helps to find the reason when a check failed.
finish() {
	checksums_were_right
	if ((CHECK_FAILED)); then
		echo '--- the director'
		director ipvsadm -Ln --stats || true
		director ipvsadm -Lnc 2>&1 | head -n 20 || true
		director xlvs status || true
		in_director ip -s neigh || true
	fi
	exit "$CHECK_FAILED"
}

# No end host may have seen a wrong checksum: XDP wrote them all.
checksums_were_right() {
	local host n
	for host in client $(for ((n = 1; n <= NET_SERVERS; n++)); do echo "server$n"; done); do
		equal "wrong checksums at $host" '' "$(in_ns "$host" nstat -asz 2>/dev/null | awk '/InCsumErrors/ && $2 { printf "%s %s ", $1, $2 }')"
	done
}

# value LINE KEY: of a line of key=value
value() {
	local word
	for word in $1; do
		[[ $word != "$2="* ]] || echo "${word#*=}"
	done
}

# What the servers in a traffic line answered: "20 20 20"
shares() {
	local n count out=''
	for ((n = 1; n <= NET_SERVERS; n++)); do
		count=$(value "$1" "server$n")
		out+=" ${count:-0}"
	done
	echo "${out# }"
}

traffic() { in_client python3 "$XLVS_ROOT/tests/support/traffic.py" "$@"; }

# traffic_starts FILE ARGS...: in the background; TRAFFIC is its process
traffic_starts() {
	local file=$1
	shift
	traffic "$@" >"$file" 2>&1 &
	TRAFFIC=$!
}
# traffic_ends FILE: waits for it; LINE is its line of figures
traffic_ends() {
	wait "$TRAFFIC" || true
	grep -v '^asked' "$1" || true
	# shellcheck disable=SC2034 # read by the tests
	LINE=$(grep '^asked' "$1" || echo 'asked=0 answered=0')
}

# The UDP echo and the TCP sink on every real server
serve_traffic() {
	local n f
	for ((n = 1; n <= NET_SERVERS; n++)); do
		in_server "$n" python3 "$XLVS_ROOT/tests/support/traffic.py" serve "server$n" \
			$VIP4 $VIP6 "$(server_address "$n" 4)" "$(server_address "$n" 6)" </dev/null >"$NET_DIR/serve$n" 2>&1 &
		disown $!
	done
	for ((n = 1; n <= NET_SERVERS; n++)); do
		f=$NET_DIR/serve$n
		wait_for 10 grep -q ready "$f" || { cat "$f"; exit 1; }
	done
}

# attached [NET_UP OPTION...]: the network is up, XDP is on the director's interfaces; ATTACH_SIZES are for a table of other sizes
ATTACH_SIZES=(--conns 65536)
attached() {
	local commands=(xlvs ipvsadm) c
	for c in "${commands[@]}"; do
		PATH=$XLVS_BUILD/loader:$XLVS_BUILD/ipvsadm command -v "$c" >/dev/null || net_skip "needs $c in $XLVS_BUILD"
	done
	net_up "$@"
	if ((NET_ARMS == 2)); then
		director xlvs attach eth0 eth1 "${ATTACH_SIZES[@]}"
	else
		director xlvs attach eth0 "${ATTACH_SIZES[@]}"
	fi
}

method_option() {
	case $1 in
	dr) echo -g ;;
	ipip) echo -i ;;
	nat) echo -m ;;
	esac
}
# server_port METHOD PORT: where the real servers listen
server_port() {
	case $1$2 in
	nat8[0-9]) echo 8080 ;;
	nat9000) echo 9001 ;;
	*) echo "$2" ;;
	esac
}
# real METHOD FAMILY N PORT: host:port of a real server as ipvsadm takes it
real() { echo "$(bracket "$(server_address "$3" "$2")"):$(server_port "$1" "$4")"; }
# service FAMILY PORT
service() { echo "$(bracket "$(vip "$1")"):$2"; }

# add_service METHOD FAMILY -t|-u PORT SCHEDULER [WEIGHT...]
add_service() {
	local method=$1 family=$2 protocol=$3 port=$4 scheduler=$5 n weights
	shift 5
	weights=("$@")
	director ipvsadm -A "$protocol" "$(service "$family" "$port")" -s "$scheduler"
	for ((n = 1; n <= NET_SERVERS; n++)); do
		director ipvsadm -a "$protocol" "$(service "$family" "$port")" -r "$(real "$method" "$family" "$n" "$port")" \
			"$(method_option "$method")" -w "${weights[n - 1]:-1}"
	done
}

# conns_counted FAMILY -t|-u PORT: the column Conns of all real servers
conns_counted() {
	director ipvsadm -Ln --stats "$2" "$(service "$1" "$3")" |
		awk '$1 == "->" && $2 ~ /[0-9]:/ { printf "%s%s", sep, $3; sep = " " }'
}

# counted TEXT EXPECTED FAMILY -t|-u PORT: the same compared; kernel IPVS shows its counters two seconds late
counted() {
	# shellcheck disable=SC2317 # called by wait_for
	counted_yet() { [[ $(conns_counted "$1" "$2" "$3") == "$4" ]]; }
	wait_for 3 counted_yet "$3" "$4" "$5" "$2" || true
	equal "$1" "$2" "$(conns_counted "$3" "$4" "$5")"
}

# connections_now FAMILY -t|-u PORT: ActiveConn and InActConn of all real servers, summed
connections_now() {
	director ipvsadm -Ln "$2" "$(service "$1" "$3")" | awk '$1 == "->" && $2 ~ /[0-9]:/ { s += $5 + $6 } END { print s + 0 }'
}
