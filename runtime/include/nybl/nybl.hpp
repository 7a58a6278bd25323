// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The C++ face of nybl.h: owners for the handles, and types for what may not be
// mixed up. C++17, header only, no exceptions: calls return nybl_status, and
// nybl_last_error() has the sentence. Units, threads and errors: nybl.h.
#ifndef NYBL_NYBL_HPP
#define NYBL_NYBL_HPP

#include "nybl/nybl.h"
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nybl::face {

/// A struct with its size set and everything else zero.
template <typename Struct>
Struct sized() {
  Struct result = {};
  result.size = sizeof(Struct);
  return result;
}

/// A global scale one multiplies by: amax / 2688. Not convertible to
/// EncodeScale, nor back.
class DecodeScale {
public:
  static DecodeScale host(float value) {
    return DecodeScale({NYBL_SCALAR_HOST, NYBL_CONVENTION_DECODE, 0, value, 0});
  }
  /// The address of one f32 in device memory.
  static DecodeScale device(uint64_t pointer) {
    return DecodeScale(
        {NYBL_SCALAR_DEVICE, NYBL_CONVENTION_DECODE, pointer, 0, 0});
  }
  const nybl_scalar &raw() const { return scalar; }

private:
  explicit DecodeScale(nybl_scalar s) : scalar(s) {}
  nybl_scalar scalar;
};

/// A global scale one divides by: 2688 / amax.
class EncodeScale {
public:
  static EncodeScale host(float value) {
    return EncodeScale({NYBL_SCALAR_HOST, NYBL_CONVENTION_ENCODE, 0, value, 0});
  }
  static EncodeScale device(uint64_t pointer) {
    return EncodeScale(
        {NYBL_SCALAR_DEVICE, NYBL_CONVENTION_ENCODE, pointer, 0, 0});
  }
  const nybl_scalar &raw() const { return scalar; }

private:
  explicit EncodeScale(nybl_scalar s) : scalar(s) {}
  nybl_scalar scalar;
};

/// The arguments of one launch.
class GemmArgs {
public:
  explicit GemmArgs(int64_t m) { args.m = m; }
  GemmArgs &a(const nybl_matrix &matrix, const nybl_scales &scales) {
    args.a = matrix;
    args.a_scales = scales;
    return *this;
  }
  GemmArgs &b(const nybl_matrix &matrix, const nybl_scales &scales) {
    args.b = matrix;
    args.b_scales = scales;
    return *this;
  }
  GemmArgs &d(const nybl_matrix &matrix) {
    args.d = matrix;
    return *this;
  }
  GemmArgs &alpha(const DecodeScale &scale) {
    args.alpha = scale.raw();
    return *this;
  }
  GemmArgs &alpha(const EncodeScale &scale) {
    args.alpha = scale.raw();
    return *this;
  }
  /// All zero; see nybl_plan_workspace.
  GemmArgs &workspace(uint64_t pointer, uint64_t bytes) {
    args.workspace = pointer;
    args.workspace_bytes = bytes;
    return *this;
  }
  GemmArgs &stream(void *stream) {
    args.stream = stream;
    return *this;
  }
  /// See NYBL_LAUNCH_DEPENDENT.
  GemmArgs &dependent() {
    args.flags |= NYBL_LAUNCH_DEPENDENT;
    return *this;
  }
  const nybl_gemm_args &raw() const { return args; }

private:
  nybl_gemm_args args = sized<nybl_gemm_args>();
};

/// The arguments of one quantisation.
class QuantizeArgs {
public:
  explicit QuantizeArgs(int64_t m) { args.m = m; }
  QuantizeArgs &x(const nybl_matrix &matrix) {
    args.x = matrix;
    return *this;
  }
  QuantizeArgs &q(const nybl_matrix &matrix, const nybl_scales &scales) {
    args.q = matrix;
    args.q_scales = scales;
    return *this;
  }
  QuantizeArgs &global(const DecodeScale &scale) {
    args.global = scale.raw();
    return *this;
  }
  QuantizeArgs &global(const EncodeScale &scale) {
    args.global = scale.raw();
    return *this;
  }
  QuantizeArgs &stream(void *stream) {
    args.stream = stream;
    return *this;
  }
  /// See NYBL_LAUNCH_DEPENDENT.
  QuantizeArgs &dependent() {
    args.flags |= NYBL_LAUNCH_DEPENDENT;
    return *this;
  }
  const nybl_quantize_args &raw() const { return args; }

private:
  nybl_quantize_args args = sized<nybl_quantize_args>();
};

/// The arguments of what undoes it.
class DequantizeArgs {
public:
  explicit DequantizeArgs(int64_t m) { args.m = m; }
  DequantizeArgs &q(const nybl_matrix &matrix, const nybl_scales &scales) {
    args.q = matrix;
    args.q_scales = scales;
    return *this;
  }
  DequantizeArgs &y(const nybl_matrix &matrix) {
    args.y = matrix;
    return *this;
  }
  DequantizeArgs &global(const DecodeScale &scale) {
    args.global = scale.raw();
    return *this;
  }
  DequantizeArgs &global(const EncodeScale &scale) {
    args.global = scale.raw();
    return *this;
  }
  DequantizeArgs &stream(void *stream) {
    args.stream = stream;
    return *this;
  }
  /// See NYBL_LAUNCH_DEPENDENT.
  DequantizeArgs &dependent() {
    args.flags |= NYBL_LAUNCH_DEPENDENT;
    return *this;
  }
  const nybl_dequantize_args &raw() const { return args; }

private:
  nybl_dequantize_args args = sized<nybl_dequantize_args>();
};

template <typename Handle, void (*destroy)(Handle *)>
struct Destroy {
  void operator()(Handle *handle) const { destroy(handle); }
};

class Plan {
public:
  nybl_status launch(const GemmArgs &args) const {
    return nybl_launch(handle.get(), &args.raw());
  }
  /// `made` is q_scales, to be passed on.
  nybl_status quantize(const QuantizeArgs &args, nybl_scales &made) const {
    return nybl_quantize(handle.get(), &args.raw(), &made);
  }
  nybl_status dequantize(const DequantizeArgs &args) const {
    return nybl_dequantize(handle.get(), &args.raw());
  }
  nybl_status info(nybl_plan_details &details) const {
    details = sized<nybl_plan_details>();
    return nybl_plan_info(handle.get(), &details);
  }
  /// Of the kernel that a launch of `m` rows takes.
  nybl_status info(int64_t m, nybl_plan_details &details) const {
    details = sized<nybl_plan_details>();
    return nybl_plan_class_info(handle.get(), m, &details);
  }
  /// Bytes of workspace that a launch of `m` rows needs.
  nybl_status workspace(int64_t m, uint64_t &bytes) const {
    return nybl_plan_workspace(handle.get(), m, &bytes);
  }
  nybl_plan *get() const { return handle.get(); }

private:
  friend class Device;
  friend class Preparation;
  std::unique_ptr<nybl_plan, Destroy<nybl_plan, nybl_plan_destroy>> handle;
};

/// Problems in the making; its end drops what nobody has begun.
class Preparation {
public:
  /// `done` is how many are, after `milliseconds` at most (negative: all).
  nybl_status wait(int64_t milliseconds, size_t &done) const {
    return nybl_prepare_wait(handle.get(), milliseconds, &done);
  }
  /// Waits for problem `index`.
  nybl_status take(size_t index, Plan &plan) const {
    nybl_plan *raw = nullptr;
    nybl_status status = nybl_prepare_take(handle.get(), index, &raw);
    plan.handle.reset(raw);
    return status;
  }
  nybl_preparation *get() const { return handle.get(); }

private:
  friend class Device;
  std::unique_ptr<nybl_preparation,
                  Destroy<nybl_preparation, nybl_preparation_destroy>>
      handle;
};

class Device {
public:
  /// `problem` is one problem line.
  nybl_status prepare(const std::string &problem,
                      const nybl_prepare_options &options, Plan &plan) const {
    nybl_plan *raw = nullptr;
    nybl_status status =
        nybl_prepare(handle.get(), problem.c_str(), &options, &raw);
    plan.handle.reset(raw);
    return status;
  }
  /// Prepares on `threads` threads of the library's own; `problems` is copied.
  nybl_status start(const std::vector<std::string> &problems,
                    const nybl_prepare_options &options, uint32_t threads,
                    Preparation &preparation) const {
    std::vector<const char *> lines;
    for (const std::string &problem : problems)
      lines.push_back(problem.c_str());
    nybl_preparation *raw = nullptr;
    nybl_status status = nybl_prepare_start(
        handle.get(), lines.data(), lines.size(), &options, threads, &raw);
    preparation.handle.reset(raw);
    return status;
  }
  /// Every reason why `problem` cannot be served, one a line; empty: none.
  /// `args` may be null.
  nybl_status whyNot(const std::string &problem,
                     const nybl_prepare_options &options, const GemmArgs *args,
                     std::string &text) const {
    return reasonsOf(text, [&](nybl_reasons &reasons) {
      return nybl_why_not(handle.get(), problem.c_str(), &options,
                          args ? &args->raw() : nullptr, &reasons);
    });
  }
  /// The same for a quantisation.
  nybl_status whyNotQuantize(const std::string &problem,
                             const nybl_prepare_options &options,
                             const QuantizeArgs *args,
                             std::string &text) const {
    return reasonsOf(text, [&](nybl_reasons &reasons) {
      return nybl_why_not_quantize(handle.get(), problem.c_str(), &options,
                                   args ? &args->raw() : nullptr, &reasons);
    });
  }
  /// The same for what undoes one.
  nybl_status whyNotDequantize(const std::string &problem,
                               const nybl_prepare_options &options,
                               const DequantizeArgs *args,
                               std::string &text) const {
    return reasonsOf(text, [&](nybl_reasons &reasons) {
      return nybl_why_not_dequantize(handle.get(), problem.c_str(), &options,
                                     args ? &args->raw() : nullptr, &reasons);
    });
  }
  std::string_view chip() const { return nybl_device_chip(handle.get()); }
  nybl_device *get() const { return handle.get(); }

private:
  template <typename Ask>
  static nybl_status reasonsOf(std::string &text, Ask ask) {
    text.assign(4096, '\0');
    auto reasons = sized<nybl_reasons>();
    nybl_status status = NYBL_OK;
    do { // again where it did not fit
      text.resize(std::max(text.size(), reasons.needed));
      reasons.text = text.data();
      reasons.text_bytes = text.size();
      status = ask(reasons);
    } while (status == NYBL_OK && reasons.needed > text.size());
    text.resize(status == NYBL_OK ? reasons.needed - 1 : 0);
    return status;
  }

  friend class Library;
  std::unique_ptr<nybl_device, Destroy<nybl_device, nybl_device_destroy>>
      handle;
};

class Library {
public:
  static nybl_status create(const nybl_library_options &options,
                            Library &library) {
    nybl_library *raw = nullptr;
    nybl_status status = nybl_library_create(&options, &raw);
    library.handle.reset(raw);
    return status;
  }
  nybl_status open(const nybl_device_options &options, Device &device) const {
    nybl_device *raw = nullptr;
    nybl_status status = nybl_device_open(handle.get(), &options, &raw);
    device.handle.reset(raw);
    return status;
  }
  nybl_library *get() const { return handle.get(); }

private:
  std::unique_ptr<nybl_library, Destroy<nybl_library, nybl_library_destroy>>
      handle;
};

} // namespace nybl::face

#endif // NYBL_NYBL_HPP
