#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: engines.sh: which engine ipvsadm talks to, and what it says when that one is not there or out of reach.
set -euo pipefail
# shellcheck source=tests/e2e/attach_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/attach_lib.sh"

by() { # ENGINE ARG...: ipvsadm with that XLVS_BACKEND
	local engine=$1
	shift
	director env "XLVS_BACKEND=$engine" ipvsadm "$@"
}
NOBODY=(setpriv --reuid 65534 --regid 65534 --clear-groups)

director_alone
has_ipvs=''
[[ ! -e /proc/net/ip_vs ]] || has_ipvs=1

# Without a table
[[ $has_ipvs ]] || for engine in auto kernel ''; do
	says 2 "Can't initialize ipvs: Protocol not available" by "$engine" -Ln
done
says 2 'xlvs: there is no xlvs table' by xdp -Ln
says 2 'XLVS_BACKEND=XDP: no such engine' by XDP -Ln
says 2 'XLVS_BACKEND=foo: no such engine' by foo -A -t 192.0.2.80:80
says 0 'kernel IPVS  ' director xlvs status

# With one
director xlvs attach eth0 "${SMALL[@]}" 2>/dev/null
by auto -A -t 192.0.2.80:80 -s rr
by xdp -a -t 192.0.2.80:80 -r 192.0.2.11 -g
rules=$(by '' -S -n)
equal 'a table' $'-A -t 192.0.2.80:80 -s rr\n-a -t 192.0.2.80:80 -r 192.0.2.11:80 -g -w 1' "$rules"
equal 'the same by auto' "$rules" "$(by auto -S -n)"
equal 'the same by xdp' "$rules" "$(by xdp -S -n)"
[[ $has_ipvs ]] || says 2 "Can't initialize ipvs" by kernel -Ln

# Places that cannot be written, and users that may not
# shellcheck disable=SC2016,SC2317 # the inner shell's; called by says
read_only() {
	director unshare -m bash -c 'mount -t tmpfs -o ro none /run && mount -o remount,ro /sys 2>/dev/null; "$@"' read_only "$@"
}
says 0 '192.0.2.11:80' read_only ipvsadm -Ln
says 0 '' read_only ipvsadm -a -t 192.0.2.80:80 -r 192.0.2.12 -g
says 0 '' read_only ipvsadm -d -t 192.0.2.80:80 -r 192.0.2.12
for args in -Ln '-A -t 192.0.2.80:81' -C -S; do
	# shellcheck disable=SC2086 # words
	says 2 $'Can\'t initialize ipvs: Permission denied (you must be root)\nAre you sure' director "${NOBODY[@]}" ipvsadm $args
done
says 2 'Permission denied (you must be root)' director "${NOBODY[@]}" ipvsadm-restore </dev/null
equal 'the table after it' "$rules" "$(by auto -S -n)"

# Programs whose table cannot be found: nothing is edited elsewhere
rm -r "$(folder)"
for engine in auto xdp; do
	# shellcheck disable=SC2016 # backquotes that are printed
	says 2 'xlvs: the programs on eth0 work on, but the pins of their table are lost: `xlvs attach eth0` finds it again' by $engine -Ln
	says 2 'xlvs: the programs on eth0' by $engine -A -t 192.0.2.80:81
done
says 0 'table found again' director xlvs attach eth0
equal 'the table found again' "$rules" "$(by auto -S -n)"
director xlvs detach >/dev/null
finish_alone
