// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Errors as values, for everything that stands on Abi: a code that becomes an
// exit code or a C status, and one sentence that says what was expected, what
// came, where, and what to do.
#ifndef NYBL_RUNTIME_ABI_STATUS_H
#define NYBL_RUNTIME_ABI_STATUS_H

#include <cassert>
#include <optional>
#include <string>
#include <utility>

namespace nybl {

/// The kinds of failure. The command's exit codes follow from them
/// (README.md): Refused -> 1, Invalid -> 2, Environment -> 3,
/// Unproven -> 4.
enum class ErrorCode {
  Ok,
  Invalid,     ///< the input is malformed or states something impossible
  Refused,     ///< well formed, but a precondition or a check says no
  Environment, ///< a driver, tool, file or resource is missing or failed
  Unproven,    ///< no complete certificate, and nobody allowed that
  NotFound,    ///< no kernel, and no compiler to make one
};

class [[nodiscard]] Status {
public:
  static Status ok() { return Status(); }
  static Status error(ErrorCode code, std::string message) {
    assert(code != ErrorCode::Ok && "an error needs a code");
    Status status;
    status.errorCode = code;
    status.text = std::move(message);
    return status;
  }
  static Status invalid(std::string m) {
    return error(ErrorCode::Invalid, std::move(m));
  }
  static Status refused(std::string m) {
    return error(ErrorCode::Refused, std::move(m));
  }
  static Status environment(std::string m) {
    return error(ErrorCode::Environment, std::move(m));
  }

  bool isOk() const { return errorCode == ErrorCode::Ok; }
  explicit operator bool() const { return isOk(); }
  ErrorCode code() const { return errorCode; }
  const std::string &message() const { return text; }

private:
  ErrorCode errorCode = ErrorCode::Ok;
  std::string text;
};

/// A value or the reason why there is none.
template <typename T>
class [[nodiscard]] Expected {
public:
  Expected(T v) : value(std::move(v)) {}
  Expected(Status s) : reason(std::move(s)) {
    assert(!reason.isOk() && "success needs a value");
  }

  explicit operator bool() const { return value.has_value(); }
  T &operator*() { return *value; }
  const T &operator*() const { return *value; }
  T *operator->() { return &*value; }
  const T *operator->() const { return &*value; }
  /// Ok when a value is held.
  const Status &status() const { return reason; }
  const std::string &message() const { return reason.message(); }

private:
  std::optional<T> value;
  Status reason;
};

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_STATUS_H
