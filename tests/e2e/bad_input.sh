#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: bad_input.sh: garbage, a full table, names that nobody knows and several writers leave a whole table behind.
set -euo pipefail
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
obstacle=$(net_obstacle)
[[ ! $obstacle ]] || net_skip "$obstacle"

# says STATUS TEXT CMD...: ends with that status and prints a line with that text
says() {
	local status=$1 text=$2 said code=0
	shift 2
	said=$("$@" 2>&1) || code=$?
	if [[ $code == "$status" && $said == *"$text"* ]]; then
		echo "ok: ${*:2:8}: $status, $text"
	else
		printf 'NOT OK: %s\n  expected: %s with "%s"\n  actual:   %s: %s\n' "${*:2:8}" "$status" "$text" "$code" "${said:0:400}"
		CHECK_FAILED=1
	fi
}
exit_of() { local code=0; "$@" >"$NET_DIR/said" 2>&1 || code=$?; echo $code; }
saved() { director ipvsadm-save -n; }
# shellcheck disable=SC2317 # called by says
fed() { # FILE CMD...
	local file=$1
	shift
	director "$@" <"$file"
}

net_up --servers 0
director xlvs attach eth0 --conns 1024 --services 4 --servers 8 --blocks 256
director ipvsadm -A -t 192.0.2.80:80 -s wrr
director ipvsadm -a -t 192.0.2.80:80 -r 192.0.2.11 -g -w 1
before=$(saved)

# Garbage: a fault of usage ends it; -R keeps the table, ipvsadm-restore has emptied it before, as ipvsadm's does
python3 - "$NET_DIR" <<-'END'
	import random, sys
	random.seed(1)
	dir = sys.argv[1]
	open(f"{dir}/bytes", "wb").write(random.randbytes(10_000_000))
	open(f"{dir}/line", "wb").write(b"x" * 10_000_000)
	open(f"{dir}/zeros", "wb").write(bytes(10_000_000))
	open(f"{dir}/words", "w").write("-A -t 192.0.2.81:80 -s " + "x " * 5_000_000 + "\n")
	open(f"{dir}/refused", "w").write("-A -t 192.0.2.80:80\n" * 300_000)
END
for file in bytes line words zeros; do
	status=$(exit_of fed "$NET_DIR/$file" timeout 60 ipvsadm -R)
	check "10 MB of $file: refused, status $status" test "$status" == 2 -o "$status" == 255
	equal "the table after 10 MB of $file" "$before" "$(saved)"
done
equal '300,000 refused lines: the last status' 255 "$(exit_of fed "$NET_DIR/refused" timeout 120 ipvsadm -R)"
equal 'and as many complaints' 300000 "$(grep -c '^Service already exists$' "$NET_DIR/said")"
equal 'the table after it' "$before" "$(saved)"

# What cannot be read is no table; a closed input is not netlink's socket
for input in '</tmp' '<&-'; do
	says 2 'xlvs: cannot read the standard input: ' director timeout 20 bash -c "ipvsadm-restore $input"
	equal "the table after ipvsadm-restore $input" "$before" "$(saved)"
	says 0 '' director timeout 20 bash -c "ipvsadm -R $input"
done
says 0 '' director timeout 20 bash -c 'ipvsadm -Ln >&-'
says 0 '' director timeout 20 bash -c 'ipvsadm -Ln <&- >&- 2>&-'
says 255 '' director timeout 20 bash -c 'ipvsadm -A -t 192.0.2.80:80 2>&-'
equal 'the table after closed descriptors' "$before" "$(saved)"

# A full table
for port in 81 82 83; do director ipvsadm -A -t 192.0.2.80:$port -s rr; done
before=$(saved)
says 255 'Memory allocation problem' director ipvsadm -A -t 192.0.2.80:84 -s rr
for n in 12 13 14 15 16 17 18; do director ipvsadm -a -t 192.0.2.80:81 -r 192.0.2.$n -g; done
full=$(saved)
says 255 'the table is full (8 real servers)' \
	director ipvsadm -a -t 192.0.2.80:81 -r 192.0.2.19 -g
equal 'the full table' "$full" "$(saved)"
{ echo "$full"; echo '-A -t 192.0.2.80:85 -s rr'; } >"$NET_DIR/large"
says 255 'Memory allocation problem' fed "$NET_DIR/large" ipvsadm-restore
equal 'after a restore that does not fit' "$full" "$(saved)"
director ipvsadm -C

# Names that nobody knows, with a name server that never answers
mkdir -p "/etc/netns/$NET_PREFIX-director"
trap 'rm -rf "/etc/netns/$NET_PREFIX-director"; net_down' EXIT
echo 'nameserver 192.0.2.254' >"/etc/netns/$NET_PREFIX-director/resolv.conf"
from=$SECONDS
says 2 'illegal virtual server address[:port] specified' director ipvsadm -A -t no.such.name.invalid:80
says 2 'illegal real server' director ipvsadm -a -t 192.0.2.80:80 -r no.such.name.invalid:80
check "two names took $((SECONDS - from)) s, at most 60" test $((SECONDS - from)) -le 60
rm -rf "/etc/netns/$NET_PREFIX-director"

# Several writers: each edit of each is there in the end
director xlvs detach >/dev/null
director xlvs attach eth0 --conns 1024
director ipvsadm -A -t 192.0.2.80:80 -s rr
writers=()
for w in 1 2 3 4; do
	(for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do
		director ipvsadm -a -t 192.0.2.80:80 -r 192.0.2.10$w -g -w $i
		director ipvsadm -e -t 192.0.2.80:80 -r 192.0.2.10$w -g -w $((100 + i))
		((i == 15)) || director ipvsadm -d -t 192.0.2.80:80 -r 192.0.2.10$w
	done) >"$NET_DIR/writer$w" 2>&1 &
	writers+=($!)
done
wait "${writers[@]}" || true
equal 'complaints of four writers' '' "$(cat "$NET_DIR"/writer?)"
equal 'what four writers left' "$(printf -- '-A -t 192.0.2.80:80 -s rr\n'; for w in 1 2 3 4; do echo "-a -t 192.0.2.80:80 -r 192.0.2.10$w:80 -g -w 115"; done)" "$(saved)"

# Neither an XDP table nor kernel IPVS: what the real ipvsadm says there, if it is here
director xlvs detach >/dev/null
real=$(PATH=/usr/sbin:/sbin type -P ipvsadm || true)
if [[ ! $real || -e /proc/net/ip_vs ]] || modprobe -n ip_vs 2>/dev/null; then
	echo 'not compared: an ipvsadm without any IPVS; this machine has no ipvsadm, or has IPVS'
else
	for args in '' -Ln '-A -t 192.0.2.80:80' '-A -n' -C '-S -n' '-L --daemon' '--start-daemon master' -R -Q; do
		# shellcheck disable=SC2086
		{ theirs=$(exit_of in_director "$real" $args </dev/null) && said=$(cat "$NET_DIR/said"); }
		# shellcheck disable=SC2086
		equal "without any IPVS: ipvsadm $args" "$theirs $said" "$(exit_of director ipvsadm $args </dev/null) $(cat "$NET_DIR/said")"
	done
fi
check 'xlvs status says what helps' grep -q 'kernel IPVS  not loaded' <<<"$(director xlvs status)"
exit "$CHECK_FAILED"
