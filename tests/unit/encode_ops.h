// SPDX-License-Identifier: GPL-2.0-or-later
// Random commands on a small world of services and servers, where collisions are frequent.
#pragma once

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "encode_memory.h"
#include "model/text.h"

namespace xlvs::encode {

/// One command, as data: it can be applied to a table and to a model, and printed.
struct Op {
  enum Kind {
    kAddService,
    kEditService,
    kDeleteService,
    kAddServer,
    kEditServer,
    kDeleteServer,
    kZero,
    kZeroAll,
    kFlush,
    kHandOver,
    kLinger,  ///< connections to servers of one parity go on
    kMerge,
    kReplace
  };
  Kind kind = kFlush;
  model::ServiceKey service{};
  model::ServiceConfig service_config{};
  model::ServerKey server{};
  model::ServerConfig server_config{};
  std::vector<Op> batch{};  ///< of kMerge and kReplace

  [[nodiscard]] std::string text() const {
    static constexpr const char* kNames[] = {"-A", "-E",     "-D", "-a",    "-e",     "-d",
                                             "-Z", "-Z all", "-C", "hand over", "linger", "merge", "replace"};
    std::string t = kNames[kind];
    if (kind == kMerge || kind == kReplace) {
      for (const Op& op : batch) t += "\n    " + op.text();
      return t;
    }
    t += " " + model::describe(service) + " " + service_config.scheduler + " " + model::describe(server);
    return t + " forward " + std::to_string(static_cast<int>(server_config.forward)) + " w " +
           std::to_string(server_config.weight) + " x " + std::to_string(server_config.upper);
  }
};

/// Applies a command; of a batch the result is that of its commit.
inline Status apply(Table& table, const Op& op) {
  switch (op.kind) {
    case Op::kAddService:
      return table.add_service(op.service, op.service_config);
    case Op::kEditService:
      return table.edit_service(op.service, op.service_config);
    case Op::kDeleteService:
      return table.delete_service(op.service);
    case Op::kAddServer:
      return table.add_server(op.service, op.server, op.server_config);
    case Op::kEditServer:
      return table.edit_server(op.service, op.server, op.server_config);
    case Op::kDeleteServer:
      return table.delete_server(op.service, op.server);
    case Op::kZero:
      return table.zero(&op.service);
    case Op::kZeroAll:
      return table.zero(nullptr);
    case Op::kFlush:
      return table.flush();
    case Op::kHandOver:
      return table.hand_over(op.service);
    case Op::kLinger:
      return table.linger([&](const model::ServiceKey&, const model::ServerKey& server) {
        return server.address.bytes[3] % 2 == op.server.address.bytes[3] % 2;
      });
    case Op::kMerge:
    case Op::kReplace: {
      if (Status s = table.begin(op.kind == Op::kReplace); !s) return s;
      for (const Op& line : op.batch) (void)apply(table, line);  // as ipvsadm -R: a bad line does not stop it
      return table.commit();
    }
  }
  return ok();
}

class RandomOps {
 public:
  explicit RandomOps(unsigned seed) : random_(seed) {}

  int upto(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool chance(int percent) { return upto(100) < percent; }

  Op next() {
    const int what = upto(100);
    if (what < 4) return batch(Op::kMerge, 1 + upto(8));
    if (what < 6) return batch(Op::kReplace, upto(20));
    if (what < 7) return {.kind = Op::kFlush};
    if (what < 8) return {.kind = Op::kZeroAll};
    return simple();
  }

  /// What moves a service to another owner, and what that one's edits do to its connections here.
  Op of_owners() {
    if (chance(50)) return {.kind = Op::kHandOver, .service = service()};
    return {.kind = Op::kLinger, .server = server(model::Family::kInet)};
  }

  model::ServiceKey service() {
    static const std::vector<model::ServiceKey> kAll{
        service_key("192.0.2.10", 80),
        service_key("192.0.2.10", 0),
        service_key("192.0.2.11", 53, model::Protocol::kUdp),
        service_key("2001:db8::1", 80),
        mark_key(7),
    };
    return kAll[static_cast<std::size_t>(upto(static_cast<int>(kAll.size())))];
  }
  /// Mostly of the service's family; else only a tunnel leads there.
  model::ServerKey server(model::Family family) {
    const bool v6 = (family == model::Family::kInet6) != chance(10);
    const std::string text = (v6 ? "2001:db8::5" : "198.51.100.") + std::to_string(1 + upto(4));
    return server_key(text, static_cast<std::uint16_t>(chance(80) ? 80 : 8080));
  }

 private:
  Op simple() {
    // more comes than goes, or the tables stay empty; a batch's lines come from here, too
    struct Share {
      Op::Kind kind;
      int percent;
    };
    static constexpr Share kShares[] = {{Op::kAddServer, 45},   {Op::kAddService, 18}, {Op::kEditServer, 12},
                                        {Op::kDeleteServer, 9}, {Op::kEditService, 8}, {Op::kZero, 5}};
    Op::Kind kind = Op::kDeleteService;
    int rest = upto(100);
    for (const Share& share : kShares) {
      if (rest >= 0 && rest < share.percent) kind = share.kind;
      rest -= share.percent;
    }
    static constexpr const char* kSchedulers[] = {"rr", "wrr", "wlc", "wrr", "nosuch", "mh"};
    static constexpr model::Forward kForwards[] = {model::Forward::kDirect, model::Forward::kMasq,
                                                   model::Forward::kTunnel};
    Op op{.kind = kind, .service = service()};
    op.server = server(op.service.family);
    op.service_config.scheduler = kSchedulers[upto(chance(95) ? 4 : 6)];
    if (op.service_config.scheduler == "mh") op.service_config.pe_name = "sip";  // XDP has no engines
    op.service_config.flags = chance(10) ? __u32{model::kSvcSched1} : 0;
    op.service_config.netmask = op.service.family == model::Family::kInet ? ~0u : chance(97) ? 128u : 0u;
    op.server_config = {.forward = kForwards[upto(3)], .weight = chance(95) ? upto(5) : -1};
    op.server_config.upper = chance(30) ? static_cast<std::uint32_t>(upto(9)) : 0;
    op.server_config.lower = chance(10) ? static_cast<std::uint32_t>(upto(9)) : 0;
    return op;
  }
  Op batch(Op::Kind kind, int lines) {
    Op op{.kind = kind};
    for (int i = 0; i < lines; ++i) op.batch.push_back(chance(97) ? simple() : Op{.kind = Op::kFlush});
    return op;
  }
  std::mt19937 random_;
};

}  // namespace xlvs::encode
