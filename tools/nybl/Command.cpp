// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Errors to exit codes, and the names of devices.

#include "tools/nybl/Command.h"
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <iterator>

using namespace nybl;
using namespace nybl::cli;

int nybl::cli::exitCode(const Status &status) {
  switch (status.code()) {
  case ErrorCode::Ok:
    return Fine;
  case ErrorCode::Refused:
    return Finding;
  case ErrorCode::Invalid:
    return BadInput;
  case ErrorCode::Unproven:
    return NotProven;
  case ErrorCode::Environment:
  case ErrorCode::NotFound:
    break;
  }
  return BadEnvironment;
}

int nybl::cli::report(const Status &status) {
  if (!status) {
    std::string line = status.message();
    std::replace_if(
        line.begin(), line.end(), [](unsigned char c) { return c < 0x20; },
        ' ');
    std::fprintf(stderr, "nybl: %s\n", line.c_str());
  }
  return exitCode(status);
}

const char *nybl::cli::orNull(const std::string &text) {
  return text.empty() ? nullptr : text.c_str();
}

std::string nybl::cli::bytesText(double bytes) {
  constexpr const char *units[] = {"B", "KB", "MB", "GB", "TB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(units); ++unit)
    bytes /= 1000;
  return fmt::format("{:.{}f} {}", bytes, unit && bytes < 100 ? 1 : 0,
                     units[unit]);
}

std::string nybl::cli::countText(size_t count, const char *what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

void nybl::cli::printOut(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

std::string nybl::cli::emulatedDriverPath() {
  std::error_code error;
  auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  return (self.parent_path().parent_path() / "lib" / "emu" / "libcuda.so.1")
      .string();
}

Expected<DeviceChoice> nybl::cli::chooseDevice(const std::string &text) {
  DeviceChoice choice;
  size_t colon = text.find(':');
  std::string kind = text.substr(0, colon);
  std::string rest = colon == text.npos ? "" : text.substr(colon + 1);
  bool right = !rest.empty();
  if (kind == "emu" && right) {
    choice.driver = emulatedDriverPath();
    choice.emulatedChip = rest;
    setenv("NYBL_EMU_CHIP", rest.c_str(), /*overwrite=*/1);
    // The first finding becomes the command's own line.
    setenv("NYBL_EMU_REPORT", "off", /*overwrite=*/0);
  } else if (kind == "cuda" && right) {
    auto [end, error] =
        std::from_chars(rest.data(), rest.data() + rest.size(), choice.ordinal);
    right = error == std::errc() && end == rest.data() + rest.size() &&
            choice.ordinal >= 0;
  } else {
    right = false;
  }
  if (!right)
    return Status::invalid(
        fmt::format("--device: expected emu:CHIP, as emu:sm_120a, or cuda:N, "
                    "as cuda:0, got '{}'",
                    text));
  if (const char *named = std::getenv("NYBL_DRIVER"); named && *named)
    choice.driver = named;
  return choice;
}
