# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# For the tests of xlvs itself: one namespace with a few interfaces, and looks at what xlvs left behind.

# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SMALL=(--conns 1000 --services 16 --servers 100) # quick to make
XLVS=$XLVS_BUILD/loader/xlvs

# director_alone: a namespace with eth0 and eth1, each one end of a veth pair; removed however this shell ends
director_alone() {
	local n
	[[ -x $XLVS ]] || net_skip "needs $XLVS"
	net_begin
	ns_add director
	for n in 0 1; do
		in_director ip link add "eth$n" type veth peer name "peer$n"
		in_director ip link set "eth$n" up
		in_director ip link set "peer$n" up
	done
}

# says STATUS WORD CMD...: exits with STATUS and prints WORD
says() {
	local status=$1 word=$2 said code=0
	shift 2
	said=$("$@" 2>&1) || code=$?
	if [[ $code == "$status" && $said == *"$word"* ]]; then
		echo "ok: ${*: -4} -> $code: ${said%%$'\n'*}"
	else
		printf 'NOT OK: %s\n  expected: %s with "%s"\n  actual:   %s: %s\n' "$*" "$status" "$word" "$code" "$said"
		CHECK_FAILED=1
	fi
}

# status_of KEY [xlvs through CMD...]: one value of status --json, as Python indexes it
status_of() {
	local key=$1
	shift
	"${@:-director}" "$XLVS" status --json | python3 -c "import json, sys; print(json.load(sys.stdin)$key)"
}

xdp_id() { in_director ip -d link show dev "$1" | sed -n 's/.*prog\/xdp id \([0-9]*\).*/\1/p'; }
filters() { in_director tc filter show dev "$1" ingress | grep -c handle || true; }

# The table's folder as this shell sees it
folder() { echo "$(bpffs)/xlvs/$(stat -Lc %i "/run/netns/$NET_PREFIX-director")"; }
bpffs() {
	local place
	for place in /sys/fs/bpf /proc/1/root/sys/fs/bpf /proc/2/root/sys/fs/bpf /run/xlvs/bpf; do
		[[ $(stat -f -c %T $place 2>/dev/null) == bpf_fs ]] || continue
		echo $place
		return
	done
}

# Everything that attaching can leave behind; equal before and after is "nothing changed"
traces() {
	local f
	f=$(folder)
	echo "folder: $(ls "$f" 2>/dev/null | tr '\n' ' ')"
	echo "unfinished: $(ls -d "${f%/*}"/unfinished_"${f##*/}" 2>/dev/null)"
	echo "xdp: $(xdp_id eth0) $(xdp_id eth1)"
	echo "qdiscs: $(in_director tc qdisc show | grep -c clsact)"
	echo "ports: $(ports)"
}

# The interfaces in xlvs_ports, each as number:flags
ports() {
	[[ ! -e $(folder)/xlvs_ports ]] || bpftool -j map dump pinned "$(folder)/xlvs_ports" | python3 -c '
import json, struct, sys
for row in json.load(sys.stdin):
    ifindex, flags = struct.unpack("<I6xH", bytes(int(b, 16) for b in row["value"]))
    if ifindex:
        print(f"{ifindex}:{flags}", end=" ")'
}

# rewrite_control OLD NEW: replaces the first bytes OLD of the table's control row, as hexadecimal digits
rewrite_control() {
	local pin row
	pin=$(folder)/xlvs_control
	row=$(bpftool -j map dump pinned "$pin" | python3 -c 'import json, sys; print("".join(b[2:] for b in json.load(sys.stdin)[0]["value"]))')
	[[ $row == *"$1"* ]] || { net_say "no bytes $1 in $row"; return 1; }
	# shellcheck disable=SC2046 # one word a byte
	bpftool map update pinned "$pin" key 0 0 0 0 value hex $(sed "s/$1/$2/; s/../& /g" <<<"$row")
}

# same TRACES: nothing changed since
same() {
	local now
	now=$(traces)
	[[ $now == "$1" ]] || equal 'nothing changed by it' "$1" "$now"
}

finish_alone() { exit "$CHECK_FAILED"; }
