// SPDX-License-Identifier: GPL-2.0-or-later
// The address filter: which addresses packets have to be looked up for.
#pragma once

#include "encode/shared.h"

namespace xlvs::encode {

/// Lets packets to this virtual address through to the lookup.
void admit_service(const Shared& shared, const xlvs_service_key& key);
/// Lets packets from this NAT server through.
void admit_nat_server(const Shared& shared, const xlvs_addr& address, unsigned family);
/// Clears the bits that nobody needs any more: sets all from the published services and the rows of servers
/// that were NAT, in lists or in the trash.
void rebuild_filter(const Shared& shared);

}  // namespace xlvs::encode
