#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: attach_damage.sh: a pin that is missing is named with its remedy; what was on an interface before xlvs stays.
set -euo pipefail
# shellcheck source=tests/e2e/attach_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/attach_lib.sh"

director_alone
director xlvs attach eth0 "${SMALL[@]}"
says 0 'by a timer in the kernel' director xlvs status
rm "$(folder)/xlvs_timers"
says 0 'xlvs sweep' director xlvs status
says 0 'eth0: upgraded' director xlvs upgrade
says 0 'by a timer in the kernel' director xlvs status
for program in xlvs_director xlvs_slowpath; do
	rm "$(folder)/$program"
	says 1 "xlvs upgrade" director xlvs attach eth1
	says 0 'eth0: upgraded' director xlvs upgrade
done
for map in xlvs_ports xlvs_lines; do
	rm "$(folder)/$map"
	for words in status upgrade 'attach eth1'; do
		# shellcheck disable=SC2086 # words
		says 1 "is damaged: cannot open the pinned $map" director xlvs $words
	done
	says 0 'table removed' director xlvs detach
	director xlvs attach eth0 "${SMALL[@]}"
done
director xlvs detach

in_director tc qdisc add dev eth0 clsact
director xlvs attach eth0 eth1 "${SMALL[@]}"
director xlvs detach eth0
director xlvs attach eth0
director xlvs upgrade
director xlvs detach
equal "clsact that was there is left" eth0 "$(in_director tc qdisc show | awk '$2 == "clsact" { print $5 }')"
in_director tc filter add dev eth0 ingress prio 1 protocol ip u32 match u32 0 0 flowid 1:1
says 1 'another filter has priority 1: give it another one' director xlvs attach eth0 "${SMALL[@]}"
equal 'no program is left' '' "$(xdp_id eth0)"
finish_alone
