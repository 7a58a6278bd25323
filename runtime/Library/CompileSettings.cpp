// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The caller's word first, then the environment's.

#include "runtime/Library/CompileSettings.h"
#include "runtime/Support/Environment.h"
#include <charconv>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::library;

namespace {

constexpr uint32_t mostSeconds = 24 * 60 * 60;

Expected<uint32_t> placeOf(uint32_t place) {
  if (place > NYBL_COMPILE_IN_PROCESS)
    return Status::invalid(fmt::format(
        "nybl_library_options.compile: expected a nybl_compile, got {}",
        place));
  if (place != NYBL_COMPILE_DEFAULT)
    return place;
  std::string text = environmentVariable("NYBL_COMPILE");
  if (text.empty())
    return uint32_t(NYBL_COMPILE_DEFAULT);
  if (text == "child")
    return uint32_t(NYBL_COMPILE_CHILD);
  if (text == "inprocess")
    return uint32_t(NYBL_COMPILE_IN_PROCESS);
  return Status::invalid(fmt::format(
      "NYBL_COMPILE: expected 'child' or 'inprocess', got '{}'", text));
}

Expected<uint32_t> secondsOf(uint32_t seconds) {
  if (seconds > mostSeconds)
    return Status::invalid(
        fmt::format("nybl_library_options.compile_seconds: expected at most "
                    "{}, got {}",
                    mostSeconds, seconds));
  std::string text =
      seconds == 0 ? environmentVariable("NYBL_COMPILE_SECONDS") : "";
  if (text.empty())
    return seconds;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error == std::errc() && end == text.data() + text.size() && seconds > 0 &&
      seconds <= mostSeconds)
    return seconds;
  return Status::invalid(fmt::format("NYBL_COMPILE_SECONDS: expected a number "
                                     "from 1 to {}, got '{}'",
                                     mostSeconds, text));
}

} // namespace

Expected<CompileSettings> CompileSettings::find(uint32_t place,
                                                uint32_t seconds) {
  auto where = placeOf(place);
  auto limit = secondsOf(seconds);
  if (!where || !limit)
    return where ? limit.status() : where.status();
  CompileSettings settings;
  settings.isInProcess = *where == NYBL_COMPILE_IN_PROCESS;
  settings.mayFallBack = *where == NYBL_COMPILE_DEFAULT;
  if (*limit > 0)
    settings.limit = std::chrono::seconds(*limit);
  return settings;
}
