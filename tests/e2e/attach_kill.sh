#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: attach_kill.sh: xlvs dies at its system calls, one after the other; what is left is whole and can go on.
set -euo pipefail
# shellcheck source=tests/e2e/attach_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/attach_lib.sh"

# Calls that change anything outside, with the stride at which they are tried; --long tries each
declare -A STRIDES=([rename]=1 [flock]=1 [unlinkat]=5 [rmdir]=1 [sendto]=3 [mkdir]=9 [bpf]=40)

# whole TEXT: there is no table and no program, or a table that status can read and programs that belong to it
whole() {
	local said
	if ! said=$(director xlvs status 2>&1); then
		check "$1: status works: $said" false
	elif [[ $said == *'pins are lost'* ]]; then
		check "$1: no program without its table: $said" false
	fi
}

# dies TEXT CALL WHEN xlvs-words: 0 = it was killed at the WHENth CALL, 1 = it has no such call any more
dies() {
	local code=0
	director strace -qq -o /dev/null -e trace="$2" -e inject="$2:signal=KILL:when=$3" "$XLVS" "${@:4}" \
		>"$NET_DIR/said" 2>&1 || code=$?
	[[ $code == 137 ]] && return
	((code == 0)) || { cat "$NET_DIR/said"; check "$1 without being killed" false; }
	return 1
}

# killed_everywhere BEFORE WORDS: runs `xlvs WORDS` after `xlvs BEFORE`, killed at its calls, and expects that
# attach then works, and that detach leaves nothing.
killed_everywhere() {
	local call when step killed=0
	for call in "${!STRIDES[@]}"; do
		step=${STRIDES[$call]}
		[[ ! ${XLVS_LONG:-} ]] || step=1
		for ((when = step; when < 1000; when += step)); do
			# shellcheck disable=SC2086 # words
			[[ ! $1 ]] || director xlvs $1 >/dev/null
			# shellcheck disable=SC2086
			dies "$2" "$call" "$when" $2 || break
			killed=$((killed + 1))
			whole "$2, killed at $call $when"
			director xlvs attach eth0 eth1 "${SMALL[@]}" >"$NET_DIR/said" 2>&1 ||
				check "attach works after $2 died at $call $when: $(cat "$NET_DIR/said")" false
			[[ $(xdp_id eth0) && $(xdp_id eth0) == "$(xdp_id eth1)" && $(filters eth0)$(filters eth1) == 11 ]] ||
				check "both interfaces are attached after $2 died at $call $when" false
			director xlvs detach >/dev/null
			same "$untouched"
		done
		director xlvs detach >/dev/null 2>&1 || true
	done
	at_least "$2: killed and mended" 5 "$killed"
}

director_alone
command -v strace >/dev/null || net_skip 'needs strace'
untouched=$(traces)
killed_everywhere '' "attach eth0 eth1 ${SMALL[*]}"
killed_everywhere "attach eth0 eth1 ${SMALL[*]}" detach
killed_everywhere "attach eth0 eth1 ${SMALL[*]}" upgrade
finish_alone
