// SPDX-License-Identifier: GPL-2.0-or-later
// Between the data plane's structures and the model's values.
#pragma once

#include "abi/rate.h"
#include "abi/server.h"
#include "abi/service.h"
#include "model/service.h"

namespace xlvs::encode {

xlvs_addr to_abi(const model::Address& address);
/// With a firewall mark, what does not belong to the key (address, port, protocol) becomes zero.
xlvs_service_key to_abi(const model::ServiceKey& key);
xlvs_counters subtract(const xlvs_counters& a, const xlvs_counters& b);
xlvs_counters add(const xlvs_counters& a, const xlvs_counters& b);

model::Address to_model(const xlvs_addr& address, unsigned family);
model::ServiceKey to_model(const xlvs_service_key& key);
model::Counters to_model(const xlvs_counters& counters);
/// As a listing shows them, while the timer moves them.
model::Rates to_model(const xlvs_rate& rate);

/// What an administrator set for a server, as a record without server row and zero point.
xlvs_record to_abi(const model::ServerConfig& config);
model::ServerConfig to_model(const xlvs_record& record);

/// The identity in a server's row: constant while the row is in use.
model::ServerKey server_key(const xlvs_server& row);

bool equal(const xlvs_service_key& a, const xlvs_service_key& b);

}  // namespace xlvs::encode
