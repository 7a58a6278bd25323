// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text and limits of schedules.

#include "compiler/Select/Schedule.h"
#include <charconv>
#include <fmt/format.h>
#include <span>

using namespace nybl;
using namespace nybl::compiler;

std::string nybl::compiler::print(const Schedule &s) {
  return fmt::format("kind={} tile={}x{}x{} warps={}x{}", s.kind, s.tile[0],
                     s.tile[1], s.tile[2], s.warps[0], s.warps[1]);
}

/// "128x64" into `numbers`; true if it holds exactly that many, each
/// in 1..4096.
static bool parseProduct(std::string_view text, std::span<int64_t> numbers) {
  const char *at = text.data(), *end = at + text.size();
  for (size_t i = 0; i < numbers.size(); ++i) {
    if (i != 0 && (at == end || *at++ != 'x'))
      return false;
    auto [next, error] = std::from_chars(at, end, numbers[i]);
    if (error != std::errc() || numbers[i] < 1 || numbers[i] > 4096)
      return false;
    at = next;
  }
  return at == end;
}

static Status parseWord(std::string_view word, Schedule &schedule) {
  size_t equals = word.find('=');
  std::string_view key = word.substr(0, equals);
  std::string_view value =
      equals == word.npos ? std::string_view() : word.substr(equals + 1);
  if (key == "kind") {
    if (value != "plain")
      return Status::invalid(
          fmt::format("at '{}' of the schedule: expected kind=plain, got '{}'",
                      word, value));
    schedule.kind = value;
    return Status::ok();
  }
  if (key == "tile")
    return parseProduct(value, schedule.tile)
               ? Status::ok()
               : Status::invalid(
                     fmt::format("at '{}' of the schedule: expected "
                                 "tile=MxNxK, such as 128x128x128",
                                 word));
  if (key == "warps")
    return parseProduct(value, schedule.warps)
               ? Status::ok()
               : Status::invalid(
                     fmt::format("at '{}' of the schedule: expected "
                                 "warps=MxN, such as 2x4",
                                 word));
  return Status::invalid(
      fmt::format("at '{}' of the schedule: unknown key '{}', "
                  "expected kind, tile or warps",
                  word, key));
}

Expected<Schedule> nybl::compiler::parseSchedule(std::string_view text) {
  Schedule schedule;
  while (true) {
    size_t begin = text.find_first_not_of(" \t");
    if (begin == text.npos)
      return schedule;
    size_t end = std::min(text.find_first_of(" \t", begin), text.size());
    Status status = parseWord(text.substr(begin, end - begin), schedule);
    if (!status)
      return status;
    text.remove_prefix(end);
  }
}

Status nybl::compiler::validate(const Schedule &s, const Chip &chip) {
  auto refuse = [&](std::string why) {
    return Status::invalid(fmt::format("schedule '{}': {}", print(s), why));
  };
  if (s.tile[0] % (16 * s.warps[0]) != 0)
    return refuse("tile m must be a multiple of 16 x warps along m");
  if (s.tile[1] % (16 * s.warps[1]) != 0)
    return refuse("tile n must be a multiple of 16 x warps along n");
  if (s.tile[2] % 64 != 0)
    return refuse("tile k must be a multiple of 64");
  if (s.threads() > 1024)
    return refuse(
        fmt::format("expected at most 1024 threads, got {}", s.threads()));
  int64_t accumulators = s.tile[0] * s.tile[1] / s.threads();
  if (accumulators > 128)
    return refuse(fmt::format("expected at most 128 accumulators a thread, got "
                              "{}: use more warps or a smaller tile",
                              accumulators));
  // Data rows are padded by 16 bytes against bank conflicts; one byte a scale.
  int64_t shared =
      (s.tile[0] + s.tile[1]) * (s.tile[2] / 2 + 16 + s.tile[2] / 16);
  if (shared > chip.staticSharedPerCta)
    return refuse(
        fmt::format("expected at most {} bytes of shared memory on {}, "
                    "got {}",
                    chip.staticSharedPerCta, chip.name, shared));
  return Status::ok();
}
