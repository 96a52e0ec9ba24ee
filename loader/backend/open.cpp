// SPDX-License-Identifier: GPL-2.0-or-later
// The choice of an engine.
#include "backend/open.h"

#include <unistd.h>

#include <cstdlib>
#include <string_view>

#include "backend/kernel_backend.h"
#include "backend/replacer.h"
#include "backend/router.h"
#include "backend/xdp_backend.h"
#include "kernel/opened_table.h"
#include "kernel/table_status.h"

namespace xlvs::backend {

namespace {

/// Base of OpenedXdp, so that the table outlives the back end that borrows it.
struct TableOwner {
  std::unique_ptr<kernel::OpenedTable> table;
};

class OpenedXdp : private TableOwner, public XdpBackend {
 public:
  explicit OpenedXdp(std::unique_ptr<kernel::OpenedTable> opened)
      : TableOwner{std::move(opened)}, XdpBackend(table->memory(), *table) {}
};

/// Asking generic netlink for the family would load the module; this file is there only with it.
constexpr const char* kKernelTable = "/proc/net/ip_vs";

/// Programs of ours may run on without the pins that lead to their table. Kernel IPVS must not be edited in
/// its place then: packets would go on by the table that nobody sees.
Error no_table(Error why) {
  if (why.code != Errc::kNotFound) return why;
  const auto directors = kernel::directors_without_table();
  if (!directors || (*directors).empty()) return why;
  const std::string& interface = (*directors)[0].interface.name;
  return Error{Errc::kSystem, "the programs on " + interface +
                                  " work on, but the pins of their table are lost: `xlvs attach " +
                                  interface + "` finds it again, `xlvs detach` ends it"};
}

}  // namespace

Result<std::unique_ptr<YieldingBackend>> open_xdp_backend() {
  auto table = kernel::OpenedTable::open();
  if (!table) return table.error();
  return std::unique_ptr<YieldingBackend>(std::make_unique<OpenedXdp>(*std::move(table)));
}

Result<std::unique_ptr<Backend>> open_present_kernel_backend() {
  if (::access(kKernelTable, F_OK) != 0)
    return Error{Errc::kNoProtocol, "IPVS is not loaded into this kernel"};
  return open_kernel_backend();
}

Result<std::unique_ptr<Backend>> open_backend() {
  const char* chosen = std::getenv("XLVS_BACKEND");
  const std::string_view which = chosen && *chosen ? chosen : "auto";
  if (which == "xdp" || which == "auto") {
    auto xdp = open_xdp_backend();
    if (xdp && which == "xdp") return std::unique_ptr<Backend>(*std::move(xdp));
    if (xdp)
      return std::unique_ptr<Backend>(std::make_unique<Router>(*std::move(xdp), [](Router::Load load) {
        return load == Router::Load::kLoad ? open_kernel_backend(true) : open_present_kernel_backend();
      }));
    const Error why = no_table(xdp.error());
    if (which == "xdp" || why.code != Errc::kNotFound) return why;
  }
  if (which == "auto" || which == "kernel") {
    auto kernel = open_kernel_backend();
    if (!kernel) return kernel.error();
    return std::unique_ptr<Backend>(std::make_unique<Replacer>(*std::move(kernel)));
  }
  return Error{Errc::kInvalidArgument, "XLVS_BACKEND=" + std::string(which) + ": no such engine"};
}

}  // namespace xlvs::backend
