// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parsing of the NYBL_EMU_ variables.

#include "tools/emulator/Driver/Settings.h"

#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <unistd.h>

using namespace nybl::emu;

static Error refuse(const char *variable, const std::string &expected,
                    const char *got) {
  return Error{std::string(variable) + ": expected " + expected + ", got '" +
               got + "'; unset it to have the default"};
}

/// Sets `to` where the variable is set; the error is the value's.
static Expected<bool> readNumber(const char *variable, uint64_t least,
                                 uint64_t most, uint64_t &to) {
  const char *text = std::getenv(variable);
  if (!text)
    return false;
  uint64_t value = 0;
  const char *end = text + std::strlen(text);
  auto [stop, problem] = std::from_chars(text, end, value);
  if (problem != std::errc() || stop != end || value < least || value > most)
    return refuse(variable,
                  "a number from " + std::to_string(least) + " to " +
                      std::to_string(most),
                  text);
  to = value;
  return true;
}

static Expected<bool> readChip(Settings &settings) {
  const char *text = std::getenv("NYBL_EMU_CHIP");
  settings.chip = findChip(text ? text : "sm_120a");
  if (!settings.chip)
    return refuse("NYBL_EMU_CHIP", "one of " + chipNames(), text ? text : "");
  settings.multiprocessors = settings.chip->multiprocessors;
  return true;
}

static Expected<bool> readReport(Settings &settings) {
  const char *text = std::getenv("NYBL_EMU_REPORT");
  if (!text)
    return false;
  settings.report = std::strcmp(text, "stderr") == 0;
  if (!settings.report && std::strcmp(text, "off") != 0)
    return refuse("NYBL_EMU_REPORT", "'stderr' or 'off'", text);
  return true;
}

/// Sets `to` to the position of the variable's value among `names`.
static Expected<bool> readName(const char *variable,
                               std::initializer_list<const char *> names,
                               uint64_t &to) {
  const char *text = std::getenv(variable);
  if (!text)
    return false;
  std::string known;
  uint64_t index = 0;
  for (const char *name : names) {
    if (std::strcmp(text, name) == 0) {
      to = index;
      return true;
    }
    known += (index++ ? ", " : "") + std::string(name);
  }
  return refuse(variable, "one of " + known, text);
}

/// The order of names is that of the enums.
static Expected<bool> readExecution(Settings &settings) {
  uint64_t policy = 0, numerics = 0, races = 0, count = 0, dropped = 0;
  if (auto read = readName("NYBL_EMU_SCHEDULE",
                           {"eager", "lazy", "random", "adversary"}, policy);
      !read)
    return read;
  if (auto read =
          readName("NYBL_EMU_NUMERICS",
                   {"mma-sim", "sequential", "reversed", "wide"}, numerics);
      !read)
    return read;
  if (auto read = readName(
          "NYBL_EMU_AXIOMS",
          {"all", "used-load-is-complete", "mma-before-cp", "none"}, dropped);
      !read)
    return read;
  settings.axioms = 3 ^ dropped;
  struct {
    const char *variable;
    uint64_t least, most, &to;
  } numbers[] = {
      {"NYBL_EMU_SEED", 0, UINT64_MAX, settings.seed},
      {"NYBL_EMU_MAX_STEPS", 1, uint64_t(1) << 40, settings.maxSteps},
      {"NYBL_EMU_RACES", 0, 1, races},
      {"NYBL_EMU_COUNT", 0, 1, count}};
  for (auto &n : numbers)
    if (auto read = readNumber(n.variable, n.least, n.most, n.to); !read)
      return read;
  settings.policy = SchedulePolicy(policy);
  settings.numerics = NumericModel(numerics);
  settings.races = races != 0;
  settings.count = count != 0;
  return true;
}

/// A misspelled name would turn a checker off without a word.
static Expected<bool> checkNames() {
  static constexpr const char *known[] = {
      "CHIP",      "SMS",       "THREADS",  "CHECKS", "POISON",
      "RACES",     "COUNT",     "SCHEDULE", "SEED",   "NUMERICS",
      "MAX_STEPS", "MEMORY_MB", "REPORT",   "AXIOMS"};
  constexpr std::string_view prefix = "NYBL_EMU_";
  for (char **variable = environ; variable && *variable; ++variable) {
    std::string_view name(*variable);
    name = name.substr(0, name.find('='));
    if (!name.starts_with(prefix))
      continue;
    std::string all;
    bool isKnown = false;
    for (std::string_view other : known) {
      isKnown |= name.substr(prefix.size()) == other;
      all +=
          (all.empty() ? "" : ", ") + std::string(prefix) + std::string(other);
    }
    if (!isKnown)
      return Error{std::string(name) + ": no such variable; there are " + all};
  }
  return true;
}

Expected<Settings> nybl::emu::settingsFromEnvironment() {
  Settings settings;
  if (auto read = checkNames(); !read)
    return read.error();
  if (auto read = readChip(settings); !read)
    return read.error();
  if (auto read = readReport(settings); !read)
    return read.error();
  if (auto read = readExecution(settings); !read)
    return read.error();
  uint64_t multiprocessors = settings.multiprocessors, threads = 0, checks = 1,
           poison = 1, megabytes = 16384;
  struct {
    const char *variable;
    uint64_t least, most, &to;
  } numbers[] = {{"NYBL_EMU_SMS", 1, 1024, multiprocessors},
                 {"NYBL_EMU_THREADS", 1, 1024, threads},
                 {"NYBL_EMU_CHECKS", 0, 1, checks},
                 {"NYBL_EMU_POISON", 0, 1, poison},
                 {"NYBL_EMU_MEMORY_MB", 1, 1 << 20, megabytes}};
  for (auto &number : numbers)
    if (auto read =
            readNumber(number.variable, number.least, number.most, number.to);
        !read)
      return read.error();
  settings.multiprocessors = static_cast<unsigned>(multiprocessors);
  settings.hostThreads = static_cast<unsigned>(threads);
  settings.checks = checks != 0;
  settings.poison = poison != 0;
  settings.memoryBytes = megabytes << 20;
  return settings;
}
