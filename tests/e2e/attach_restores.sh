#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage: attach_restores.sh: detach leaves what was there before attach, and the filters of others.
set -euo pipefail
# shellcheck source=tests/e2e/attach_lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/attach_lib.sh"

director_alone
before=$(traces)
director xlvs attach eth0 eth1 "${SMALL[@]}"
program=$(xdp_id eth0)
equal 'both interfaces carry one program' "$program" "$(xdp_id eth1)"
equal 'filters on eth0 and eth1' '1 1' "$(filters eth0) $(filters eth1)"
equal 'the sweep' timer "$(status_of '["sweep"]')"
director xlvs detach eth1
equal 'eth1 is free' ' 0' "$(xdp_id eth1) $(filters eth1)"
equal 'eth0 is not' "$program 1" "$(xdp_id eth0) $(filters eth0)"
director xlvs attach eth1
equal 'eth1 has the same program again' "$program" "$(xdp_id eth1)"
director xlvs detach
equal 'after detach all is as before' "$before" "$(traces)"
check 'the program is gone' wait_for 5 bash -c "! bpftool prog show id $program"

in_director tc qdisc add dev eth0 clsact
in_director tc filter add dev eth0 egress prio 7 protocol ip u32 match u32 0 0 classid 1:1
director xlvs attach eth0 "${SMALL[@]}"
director xlvs detach
equal "another's filter is still there" 1 "$(in_director tc filter show dev eth0 egress | grep -c 'pref 7.*flowid')"
in_director tc qdisc del dev eth0 clsact

director xlvs attach eth0 eth1 "${SMALL[@]}"
old=$(xdp_id eth0)
director xlvs upgrade
check 'upgrade brings another program' test "$old" != "$(xdp_id eth0)"
equal 'to both interfaces' "$(xdp_id eth0)" "$(xdp_id eth1)"
equal 'the sweep after upgrade' timer "$(status_of '["sweep"]')"
check 'the old program is gone' wait_for 5 bash -c "! bpftool prog show id $old"
in_director tc qdisc del dev eth0 clsact
says 0 'its TC filter is missing: attach it again' director xlvs status
director xlvs attach eth0
equal 'filters on eth0' 1 "$(filters eth0)"
# Somebody takes the director away: the slow path does not stay behind
in_director ip link set dev eth0 xdpdrv off
says 0 'eth0: detached' director xlvs detach eth0
equal 'filters on eth0 after detach of the rest' 0 "$(filters eth0)"
director xlvs attach eth0
in_director ip link set dev eth0 xdpdrv off
says 0 'table removed' director xlvs detach
equal 'after detach all is as before' "$before" "$(traces)"
director xlvs attach eth0 eth1 "${SMALL[@]}"
in_director ip link del eth1
says 0 'eth0: native mode' director xlvs status
director xlvs detach
equal 'after detach nothing is left' "$(sed 's/xdp: .*/xdp:  /' <<<"$before")" "$(traces 2>/dev/null)"
finish_alone
