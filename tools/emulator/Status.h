// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Errors as values. The emulator's own: it depends on nothing else in the tree.
#ifndef NYBL_EMULATOR_STATUS_H
#define NYBL_EMULATOR_STATUS_H

#include <optional>
#include <string>
#include <utility>

namespace nybl::emu {

struct Error {
  std::string message;
};

/// A value or the reason why there is none.
template <typename T>
class [[nodiscard]] Expected {
public:
  Expected(T v) : value(std::move(v)) {}
  Expected(Error e) : reason(std::move(e)) {}
  explicit operator bool() const { return value.has_value(); }
  T &operator*() { return *value; }
  const T &operator*() const { return *value; }
  T *operator->() { return &*value; }
  const T *operator->() const { return &*value; }
  const std::string &message() const { return reason.message; }
  Error error() const { return reason; }

private:
  std::optional<T> value;
  Error reason;
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_STATUS_H
