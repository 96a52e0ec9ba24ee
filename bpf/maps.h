/* SPDX-License-Identifier: GPL-2.0-only */
/* Every map of a table: what it holds, who writes it, who reads it, how it is sized. */
#ifndef XLVS_MAPS_H
#define XLVS_MAPS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdbool.h>

#include "abi/conn.h"
#include "abi/control.h"
#include "abi/port.h"
#include "abi/rate.h"
#include "abi/server.h"
#include "abi/service.h"
#include "abi/verdict.h"

/* Sizes below are placeholders that let an object load by itself; the loader
 * sets the real ones before load, and the same numbers in xlvs_limits.
 *
 * "Command" is ipvsadm or xlvs, holding the table's lock. Commands write the
 * mapped memory directly: no map is ever updated element by element. */

const volatile struct xlvs_limits xlvs_limits = {
	.index_buckets = 1,
	.max_services = 1,
	.max_servers = 1,
	.arena_blocks = 1,
	.buckets4 = 1,
	.buckets6 = 1,
	.confirm = XLVS_CONFIRM_TICKS,
};

#define XLVS_MAPPED_ARRAY(type_)                                                                         \
	__uint(type, BPF_MAP_TYPE_ARRAY);                                                                \
	__uint(map_flags, BPF_F_MMAPABLE);                                                               \
	__uint(max_entries, 1);                                                                          \
	__type(key, __u32);                                                                              \
	__type(value, type_)

/* The table's description: switch, timeouts, capacity.
 * Writer: command.  Reader: all stages. */
struct {
	XLVS_MAPPED_ARRAY(struct xlvs_control);
} xlvs_control SEC(".maps");

/* Which addresses concern us.  Writer: command.  Reader: stage/parse.h. */
struct {
	XLVS_MAPPED_ARRAY(struct xlvs_filter);
} xlvs_filter SEC(".maps");

/* Interfaces that the director is on.  Writer: command; an address that changed: slow/port.h.
 * Reader: stage/addressee.h, stage/forward.h. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, XLVS_PORTS);
	__type(key, __u32);
	__type(value, struct xlvs_port);
} xlvs_ports SEC(".maps");

/* From service key to row, two halves.  Writer: command.  Reader: stage/service.h.
 * Sized 2 * limits.index_buckets. */
struct {
	XLVS_MAPPED_ARRAY(struct xlvs_index_bucket);
} xlvs_svc_index SEC(".maps");

/* Virtual services.  Writer: command.  Reader: stage/service.h. */
struct {
	XLVS_MAPPED_ARRAY(struct xlvs_service);
} xlvs_services SEC(".maps");

/* Versions of services, in blocks of 64 bytes; abi/service.h has the layout.
 * Writer: command; the ticket: stage/schedule.h.  Reader: schedule/. */
struct {
	XLVS_MAPPED_ARRAY(struct xlvs_version);
} xlvs_arena SEC(".maps");

/* Real servers' identity and forwarding.  Writer: command.  Reader: stages from connection on. */
struct {
	XLVS_MAPPED_ARRAY(struct xlvs_server);
} xlvs_servers SEC(".maps");

/* Connections per real server.  Writer: stage/connection.h, sweep; limits: command.
 * Reader: schedule/, listings. */
struct {
	XLVS_MAPPED_ARRAY(struct xlvs_load);
} xlvs_loads SEC(".maps");

/* Changes of the loads, by group of rows.  Writer: stage/count.h, schedule/lblcr.h, command.  Reader: schedule/group.h.
 * Sized xlvs_changes_rows(limits.max_servers). */
struct {
	XLVS_MAPPED_ARRAY(struct xlvs_changes);
} xlvs_changes SEC(".maps");

/* Traffic and next hop per real server and CPU.  Writer, reader: forward/; listings read. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct xlvs_line);
} xlvs_lines SEC(".maps");

/* Rates per second of servers, then of services.  Writer: the sweep's timer; cleared: command.
 * Reader: listings. Sized max_servers and the rows of xlvs_services. */
struct {
	XLVS_MAPPED_ARRAY(struct xlvs_rate);
} xlvs_rates SEC(".maps");

/* Connections.  Writer: stage/connection.h, sweep.  Reader: the same, listings. */
struct {
	XLVS_MAPPED_ARRAY(struct xlvs_bucket4);
} xlvs_conns4 SEC(".maps");

struct {
	XLVS_MAPPED_ARRAY(struct xlvs_bucket6);
} xlvs_conns6 SEC(".maps");

/* Packets by enum xlvs_reason.  Writer: stage/finish.h.  Reader: xlvs status. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, XLVS_REASON_COUNT);
	__type(key, __u32);
	__type(value, __u64);
} xlvs_reasons SEC(".maps");

#define READ_ONCE(x)	 (*(volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

/* Keys are copies: the address of a field of struct xlvs_packet, given to a
 * helper, would keep the compiler from holding the packet in registers and
 * from compiling each family's copy for itself. */
static __always_inline struct xlvs_control *xlvs_get_control(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&xlvs_control, &zero);
}

/* The row of an interface, or NULL when the director is not on it. */
static __always_inline struct xlvs_port *xlvs_get_port(__u32 ifindex)
{
	__u32 row = ifindex % XLVS_PORTS;
	struct xlvs_port *port = bpf_map_lookup_elem(&xlvs_ports, &row);

	return port && READ_ONCE(port->ifindex) == ifindex ? port : NULL;
}

/* Does the interface take frames that XDP redirects? One without the director
 * may, but nobody knows. */
static __always_inline bool xlvs_takes_frames(__u32 ifindex)
{
	const struct xlvs_port *port = xlvs_get_port(ifindex);

	return port && READ_ONCE(port->flags) & XLVS_PORT_F_OUT;
}

static __always_inline __u32 xlvs_setting(const struct xlvs_control *control, enum xlvs_setting setting)
{
	return READ_ONCE(control->settings[setting]);
}

static __always_inline struct xlvs_server *xlvs_get_server(__u32 row)
{
	return bpf_map_lookup_elem(&xlvs_servers, &row);
}

static __always_inline struct xlvs_load *xlvs_get_load(__u32 row)
{
	return bpf_map_lookup_elem(&xlvs_loads, &row);
}

/* Dynamic schedulers shall look anew at the server of this row. */
static __always_inline void xlvs_note_change(__u32 server)
{
	__u32 rows = server / XLVS_GROUP_ROWS;
	struct xlvs_changes *c = bpf_map_lookup_elem(&xlvs_changes, &rows);

	if (c)
		__sync_fetch_and_add(&c->count, 1);
}

static __always_inline struct xlvs_service *xlvs_get_service(__u32 row)
{
	return bpf_map_lookup_elem(&xlvs_services, &row);
}

static __always_inline struct xlvs_line *xlvs_get_line(__u32 server)
{
	return bpf_map_lookup_elem(&xlvs_lines, &server);
}

static __always_inline struct xlvs_version *xlvs_get_version(__u32 block)
{
	return bpf_map_lookup_elem(&xlvs_arena, &block);
}

static __always_inline void xlvs_count(enum xlvs_reason reason)
{
	__u32 key = reason;
	__u64 *n = bpf_map_lookup_elem(&xlvs_reasons, &key);

	if (n)
		*n += 1;
}

#endif
