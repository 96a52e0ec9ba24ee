// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/filter.h"

#include <vector>

#include "encode/version.h"

namespace xlvs::encode {
namespace {

struct Bit {
  std::size_t word;
  __u64 mask;
};

Bit bit_of(const Shared& shared, const xlvs_addr& address, unsigned family) {
  const __u32 bit = xlvs_filter_bit(&address, static_cast<int>(family), shared.memory.control->seed);
  return {bit / 64, __u64{1} << (bit % 64)};
}

void admit(const Shared& shared, __u64* words, const Bit& bit) {
  if ((load(words[bit.word]) & bit.mask) == 0) shared.writer.set_bits(words[bit.word], bit.mask);
}

}  // namespace

void admit_service(const Shared& shared, const xlvs_service_key& key) {
  if (key.fwmark == 0) admit(shared, shared.memory.filter->vip, bit_of(shared, key.addr, key.family));
}

void admit_nat_server(const Shared& shared, const xlvs_addr& address, unsigned family) {
  // packets look for NAT's connections only when this is set
  if (load(shared.memory.control->nat) == 0) shared.writer.set(shared.memory.control->nat, 1);
  admit(shared, shared.memory.filter->nat, bit_of(shared, address, family));
}

void rebuild_filter(const Shared& shared) {
  const TableMemory& memory = shared.memory;
  std::vector<__u64> vip(XLVS_FILTER_WORDS), nat(XLVS_FILTER_WORDS);
  for (const std::uint32_t row : published_services(memory)) {
    const xlvs_service_key& key = memory.services[row].key;
    const Bit bit = bit_of(shared, key.addr, key.family);
    if (key.fwmark == 0) vip[bit.word] |= bit.mask;
  }
  bool any_nat = false;
  for (const xlvs_server& server : memory.servers) {
    if ((server.flags & XLVS_SERVER_F_USED) == 0) continue;
    if (server.svc.fwmark == 0) {  // its service may be gone, but its connections' packets are still ours to drop
      const Bit bit = bit_of(shared, server.svc.addr, server.svc.family);
      vip[bit.word] |= bit.mask;
    }
    if ((server.flags & XLVS_SERVER_F_NAT) == 0) continue;
    const Bit bit = bit_of(shared, server.addr, server.family);
    nat[bit.word] |= bit.mask;
    any_nat = true;
  }
  shared.writer.copy(memory.filter->vip, vip.data(), sizeof memory.filter->vip);
  shared.writer.copy(memory.filter->nat, nat.data(), sizeof memory.filter->nat);
  if (load(memory.control->nat) != any_nat) shared.writer.set(memory.control->nat, any_nat);
}

}  // namespace xlvs::encode
