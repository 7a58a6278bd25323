// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One GPU a chip, then the library's own choice among its records.

#include "tools/nybl/TunedKernels.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

std::string textOf(const tune::Gpu &gpu) {
  return fmt::format("{} ({}, {} multiprocessors)", gpu.name, gpu.chip,
                     gpu.multiprocessors);
}

bool isNamed(const tune::Gpu &gpu, const std::vector<std::string> &names) {
  return std::any_of(names.begin(), names.end(), [&](const std::string &name) {
    return name == gpu.name || name == textOf(gpu);
  });
}

std::string listOf(const std::set<tune::Gpu> &gpus) {
  std::string text;
  for (const tune::Gpu &gpu : gpus)
    text += fmt::format("{}'{}'", text.empty() ? "" : ", ", textOf(gpu));
  return text.empty() ? "none" : text;
}

} // namespace

Expected<TunedKernels>
TunedKernels::read(const std::string &path, const std::set<std::string> &chips,
                   const std::vector<std::string> &names) {
  auto file = tune::readRecords(path);
  if (!file)
    return file.status();
  TunedKernels tuned;
  tuned.records = std::move(file->records);
  std::set<tune::Gpu> all;
  for (const tune::Record &record : tuned.records)
    all.insert(record.gpu);
  for (const std::string &name : names)
    if (std::none_of(all.begin(), all.end(), [&](const tune::Gpu &gpu) {
          return isNamed(gpu, {name});
        }))
      return Status::invalid(
          fmt::format("--gpu: expected a GPU with records in '{}', got '{}'; "
                      "there are {}",
                      path, name, listOf(all)));
  for (const std::string &chip : chips) {
    std::set<tune::Gpu> fitting;
    for (const tune::Gpu &gpu : all)
      if (gpu.chip == chip && (names.empty() || isNamed(gpu, names)))
        fitting.insert(gpu);
    if (fitting.size() != 1)
      return Status::invalid(fmt::format(
          "'{}': expected records of one GPU of {}, got {}: name one by --gpu, "
          "or leave out the chip",
          path, chip, listOf(fitting)));
    tuned.gpuOf[chip] = *fitting.begin();
  }
  return tuned;
}

std::optional<tune::Choice>
TunedKernels::choose(const std::string &problemClass,
                     const std::string &chip) const {
  auto gpu = gpuOf.find(chip);
  auto problem = parseProblem(problemClass);
  if (gpu == gpuOf.end() || !problem) // a quantisation has one schedule
    return std::nullopt;
  auto choice = tune::choose(records, *problem, gpu->second);
  if (choice)
    choice->reason += " on " + textOf(gpu->second);
  return choice;
}
