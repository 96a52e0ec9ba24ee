#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: attach_race.sh: commands at the same time end as if one had come after the other.
set -euo pipefail
# shellcheck source=tests/e2e/attach_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/attach_lib.sh"

# both CMD1 CMD2: words of xlvs, at the same time; STATUSES is how they ended
both() {
	local one two
	# shellcheck disable=SC2086 # words
	director xlvs $1 >"$NET_DIR/one" 2>&1 &
	one=$!
	# shellcheck disable=SC2086
	director xlvs $2 >"$NET_DIR/two" 2>&1 &
	two=$!
	STATUSES=0
	wait $one || STATUSES=$?
	wait $two && STATUSES+=" 0" || STATUSES+=" $?"
	[[ $STATUSES == '0 0' ]] || cat "$NET_DIR/one" "$NET_DIR/two"
}

director_alone
before=$(traces)
for round in 1 2 3 4; do
	both "attach eth0 ${SMALL[*]}" "attach eth1 ${SMALL[*]}"
	equal "round $round: two first attaches" '0 0' "$STATUSES"
	check 'one table carries both interfaces' test "$(xdp_id eth0)" -a "$(xdp_id eth0)" = "$(xdp_id eth1)"
	both "attach eth0" "detach eth1"
	equal 'attach and detach of different interfaces' '0 0' "$STATUSES"
	both "attach eth1" "attach eth1"
	equal 'the same attach twice' '0 0' "$STATUSES"
	both upgrade upgrade
	equal 'two upgrades' '0 0' "$STATUSES"
	check 'one program is on both interfaces' test "$(xdp_id eth0)" = "$(xdp_id eth1)"
	both detach "attach eth0 ${SMALL[*]}"
	equal 'everything goes while an interface comes' '0 0' "$STATUSES"
	if [[ $(xdp_id eth0) ]]; then
		check 'the last came last: it is there' grep -q "eth0: native mode, program $(xdp_id eth0)" <<<"$(director xlvs status)"
		both detach detach
		check 'of two detaches one finds nothing' grep -qE '^(0 1|1 0)$' <<<"$STATUSES"
	fi
	equal 'nothing is left' "$before" "$(traces)"
done
finish_alone
