#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: examples.sh: every command that the man pages and README tell to type works as printed, on a machine that has nothing yet.
set -euo pipefail
# shellcheck source=tests/e2e/attach_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/attach_lib.sh"

page() { sed -n '/^\.EX/,/^\.EE/{/^\./!{s/\\-/-/g;p}}' "$XLVS_ROOT/docs/man/$1.8"; }
# The indented lines under a heading, without what is said behind them
indented() { # FILE HEADING
	sed -n "/^## $2\$/,/^## /s/^    //p" "$XLVS_ROOT/$1" | sed -E 's/(  +#.*|   +[^ ].*)$//; /^$/d'
}
# runs NAME AT-LEAST: the commands on stdin, one after the other
runs() {
	local command count=0
	while read -r command; do
		says 0 '' director bash -euc "${command//\/etc\/ipvsadm.rules/$NET_DIR/rules}"
		count=$((count + 1))
	done
	at_least "commands of $1" "$2" $count
}

director_alone
in_director ip addr add 192.0.2.2/24 dev eth0
runs README 8 < <(indented README.md 'A first configuration')
equal 'what README has made' $'-A -t 192.0.2.80:80 -s wlc\n-a -t 192.0.2.80:80 -r 192.0.2.11:80 -g -w 2\n-a -t 192.0.2.80:80 -r 192.0.2.12:80 -g -w 1' \
	"$(director ipvsadm -S -n)"
runs 'ipvsadm-save(8)' 1 < <(page ipvsadm-save)
saved=$(director ipvsadm -S -n)
director ipvsadm -C
runs 'ipvsadm-restore(8)' 1 < <(page ipvsadm-restore)
equal 'what was saved and restored' "$saved" "$(director ipvsadm -S -n)"
director ipvsadm -C
runs 'ipvsadm(8)' 8 < <(page ipvsadm)
says 0 'Route   0' director ipvsadm -Ln -t 192.0.2.1:80
director xlvs detach >/dev/null
runs 'xlvs(8)' 4 < <(page xlvs)
finish_alone
