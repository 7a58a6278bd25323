// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program has in itself that is to load no library but libc, nor to want
// the newest one.

#include <cstdint>
#include <cstdlib>
#include <fmt/format-inl.h>

/// glibc has it since 2.36. libstdc++.a's random_device refers to it, which
/// nothing here makes.
extern "C" __attribute__((visibility("hidden"))) uint32_t
arc4random() noexcept {
  std::abort();
}

// libfmt.so: Debian has no archive of it, but all its source is in the header.
FMT_BEGIN_NAMESPACE
namespace detail {

template FMT_API dragonbox::decimal_fp<float>
dragonbox::to_decimal(float x) noexcept;
template FMT_API dragonbox::decimal_fp<double>
dragonbox::to_decimal(double x) noexcept;
template FMT_API locale_ref::locale_ref(const std::locale &loc);
template FMT_API std::locale locale_ref::get<std::locale>() const;
template FMT_API thousands_sep_result<char> thousands_sep_impl(locale_ref);
template FMT_API char decimal_point_impl(locale_ref);
template FMT_API void buffer<char>::append(const char *, const char *);
template FMT_API void vformat_to(buffer<char> &, string_view,
                                 basic_format_args<format_context>, locale_ref);

} // namespace detail
FMT_END_NAMESPACE
