// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX versions and toolkits to drivers.

#include "runtime/Abi/LeastDriver.h"
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <string_view>

using namespace nybl;

namespace {

struct Version {
  int major = 0, minor = 0;
};

/// Of "13.0.88" the first two numbers; zeros where it does not begin so.
Version versionIn(std::string_view text) {
  Version version;
  const char *end = text.data() + text.size();
  auto [dot, error] = std::from_chars(text.data(), end, version.major);
  if (error != std::errc() || dot == end || *dot != '.' ||
      std::from_chars(dot + 1, end, version.minor).ec != std::errc() ||
      version.major < 1 || version.major > 99 || version.minor < 0 ||
      version.minor > 99)
    return {};
  return version;
}

} // namespace

int nybl::leastDriverOfPtx(const Manifest &manifest) {
  auto [major, minor] = versionIn(manifest.ptxVersion);
  if (major == 8 && minor >= 7) // 8.7 came with 12.8, 8.8 with 12.9
    return 12000 + 10 * (minor + 1);
  if (major == 9) // 9.0 came with 13.0
    return 13000 + 10 * minor;
  return 0;
}

int nybl::leastDriverOfCubin(const Manifest &manifest) {
  int major = versionIn(manifest.ptxas).major;
  // The PTX version is the lowest that knows the chip.
  return major ? std::max(1000 * major, leastDriverOfPtx(manifest)) : 0;
}

std::string nybl::driverText(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}
