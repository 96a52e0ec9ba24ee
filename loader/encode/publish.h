// SPDX-License-Identifier: GPL-2.0-or-later
// Makes a plan the table that packets see, with one store.
#pragma once

#include "encode/plan.h"
#include "encode/shared.h"

namespace xlvs::encode {

/// Publishes a plan. Everything new is written where no packet looks, then one aligned store makes it count:
///
///   one service edited            xlvs_service.version of its row
///   one service added or deleted  its word in the index
///   several, or a whole table     xlvs_control.half, after the other half of the index was filled; edited
///                                 services get new rows there
///
/// Then the fields that mirror or count what is published are brought up to date. A death before the store
/// leaves the old table, a death after it the new one; xlvs_control.dirty tells the next writer to repair()
/// the rest. The caller holds the lock. kNoSpace leaves the table as it was.
Status publish(const Shared& shared, Plan& plan);

}  // namespace xlvs::encode
