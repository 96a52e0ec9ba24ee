// SPDX-License-Identifier: GPL-2.0-or-later
// Result<T>: a value or an Error that says what failed; C++20's stand-in for std::expected.
#pragma once

#include <cassert>
#include <string>
#include <utility>
#include <variant>

namespace xlvs {

/// Kinds of failure that callers tell apart. ipvsadm words some of them by operation.
enum class Errc {
  kInvalidArgument,  ///< EINVAL: a value that cannot be
  kRange,            ///< ERANGE: a number beyond its limits
  kNotFound,         ///< ENOENT: the thing inside (server, scheduler) does not exist
  kNoService,        ///< ESRCH: the service (or the daemon) does not exist
  kExists,           ///< EEXIST
  kNoSpace,          ///< ENOMEM: a table is full
  kPermission,       ///< EPERM
  kUnsupported,      ///< EOPNOTSUPP
  kNoProtocol,       ///< ENOPROTOOPT: nothing here balances (no table, no kernel IPVS)
  kFamily,           ///< EAFNOSUPPORT
  kSystem,           ///< anything else; Error::sys holds the errno
};

/// What failed, in words a user can act on; `sys` keeps the errno that caused it, or 0.
struct Error {
  Errc code;
  std::string what;
  int sys = 0;
};

/// A T or an Error; ignoring one is a compile error under -Werror.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : v_(std::in_place_index<1>, std::move(error)) {}
  explicit operator bool() const noexcept { return v_.index() == 0; }
  T& operator*() & {
    assert(*this);
    return *std::get_if<0>(&v_);
  }
  const T& operator*() const& {
    assert(*this);
    return *std::get_if<0>(&v_);
  }
  /// By value: `for (x : *f())` would outlive a reference into what f() returned.
  T operator*() && {
    assert(*this);
    return std::move(*std::get_if<0>(&v_));
  }
  T* operator->() { return &**this; }
  const T* operator->() const { return &**this; }
  const Error& error() const {
    assert(!*this);
    return *std::get_if<1>(&v_);
  }

 private:
  std::variant<T, Error> v_;
};

using Status = Result<std::monostate>;

/// The Status of success.
inline Status ok() { return std::monostate{}; }

}  // namespace xlvs
