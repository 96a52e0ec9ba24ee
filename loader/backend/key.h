// SPDX-License-Identifier: GPL-2.0-or-later
// What makes keys of services comparable.
#pragma once

#include "model/service.h"

namespace xlvs::backend {

/// One key, one spelling: with a firewall mark nothing but the family counts besides.
inline model::ServiceKey normal(model::ServiceKey key) {
  if (key.fwmark == 0) return key;
  model::ServiceKey mark{.family = key.family, .fwmark = key.fwmark};
  mark.address.family = key.family;
  return mark;
}

}  // namespace xlvs::backend
