// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text and limits of schedules.

#include "compiler/Select/Schedule.h"
#include "compiler/Select/TensorMemory.h"
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>
#include <span>
#include <vector>

using namespace nybl;
using namespace nybl::compiler;

int64_t Schedule::consumers() const {
  if (!inTensorMemory())
    return kind == "pingpong" ? 2 : 1;
  auto plan = planTensorMemory(*this, columnsOfTensorMemory);
  return plan ? plan->accumulatorStages() : 1;
}

std::string nybl::compiler::print(const Schedule &s) {
  std::string text =
      fmt::format("kind={} tile={}x{}x{} warps={}x{}", s.kind, s.tile[0],
                  s.tile[1], s.tile[2], s.warps[0], s.warps[1]);
  if (s.stages != 1)
    text += fmt::format(" stages={}", s.stages);
  if (s.byTma)
    text += " fill=tma";
  if (s.storesByTma)
    text += " store=tma";
  if (s.swapped)
    text += " swap=ab";
  if (s.split != 1)
    text += fmt::format(" split={}", s.split);
  if (s.group != 1)
    text += fmt::format(" group={}", s.group);
  if (s.ctas != 1)
    text += fmt::format(" ctas={}", s.ctas);
  if (s.takesOver)
    text += " scheduler=clc";
  return text;
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

/// One of two words: the first says no, the second yes.
static bool parseChoice(std::string_view text, std::string_view no,
                        std::string_view yes, bool &choice) {
  choice = text == yes;
  return choice || text == no;
}

static bool parseKind(std::string_view text, std::string &kind) {
  kind = text;
  return text == "plain" || text == "multistage" || text == "cooperative" ||
         text == "pingpong" || text == "tmem";
}

/// What a value of `key` must look like, and whether this one does.
struct ParsedValue {
  bool good;
  const char *expected;
};

static std::optional<ParsedValue>
parseValue(std::string_view key, std::string_view value, Schedule &s) {
  auto one = [](int64_t &number) { return std::span(&number, 1); };
  if (key == "kind")
    return ParsedValue{parseKind(value, s.kind),
                       "plain, multistage, "
                       "cooperative, pingpong or tmem"};
  if (key == "tile")
    return ParsedValue{parseProduct(value, s.tile),
                       "MxNxK, such as 128x128x128"};
  if (key == "warps")
    return ParsedValue{parseProduct(value, s.warps), "MxN, such as 2x4"};
  if (key == "stages")
    return ParsedValue{parseProduct(value, one(s.stages)), "N, such as 3"};
  if (key == "fill")
    return ParsedValue{parseChoice(value, "async", "tma", s.byTma),
                       "tma or async"};
  if (key == "store")
    return ParsedValue{parseChoice(value, "direct", "tma", s.storesByTma),
                       "tma or direct"};
  if (key == "swap")
    return ParsedValue{parseChoice(value, "none", "ab", s.swapped),
                       "ab or none"};
  if (key == "split")
    return ParsedValue{parseProduct(value, one(s.split)), "N, such as 4"};
  if (key == "group")
    return ParsedValue{parseProduct(value, one(s.group)), "N, such as 8"};
  if (key == "ctas")
    return ParsedValue{parseProduct(value, one(s.ctas)) && s.ctas <= 2,
                       "1 or 2"};
  if (key == "scheduler")
    return ParsedValue{parseChoice(value, "static", "clc", s.takesOver),
                       "clc or static"};
  return std::nullopt;
}

static Status parseWord(std::string_view word, Schedule &schedule) {
  size_t equals = word.find('=');
  std::string_view key = word.substr(0, equals);
  std::string_view value =
      equals == word.npos ? std::string_view() : word.substr(equals + 1);
  std::optional<ParsedValue> parsed = parseValue(key, value, schedule);
  if (!parsed)
    return Status::invalid(fmt::format(
        "at '{}' of the schedule: unknown key '{}', expected kind, tile, "
        "warps, stages, fill, store, swap, split, group, ctas or scheduler",
        word, key));
  if (parsed->good)
    return Status::ok();
  return Status::invalid(
      fmt::format("at '{}' of the schedule: expected {}={}, got '{}'", word,
                  key, parsed->expected, value));
}

Expected<Schedule> nybl::compiler::parseSchedule(std::string_view text) {
  Schedule schedule;
  schedule.stages = 0; // not given
  std::vector<std::string_view> keys;
  while (true) {
    size_t begin = text.find_first_not_of(" \t");
    if (begin == text.npos) {
      if (schedule.stages == 0)
        schedule.stages = schedule.kind == "plain" ? 1 : 2;
      return schedule;
    }
    size_t end = std::min(text.find_first_of(" \t", begin), text.size());
    std::string_view word = text.substr(begin, end - begin);
    std::string_view key = word.substr(0, word.find('='));
    if (std::ranges::find(keys, key) != keys.end())
      return Status::invalid(fmt::format(
          "at '{}' of the schedule: expected each key once, got '{}' again",
          word, key));
    keys.push_back(key);
    if (Status status = parseWord(word, schedule); !status)
      return status;
    text.remove_prefix(end);
  }
}

/// Of all warps, unless their rows cannot be halved again: what is left is for
/// slots.
static constexpr int64_t mostOutputBytes = 32 * 1024;

static int64_t outputBytes(const Schedule &s, int64_t rowsOfWarp,
                           int64_t elementBytes) {
  return s.consumers() * s.warps[0] * rowsOfWarp * s.tile[1] * elementBytes;
}

/// Lanes write pairs of elements, of 8 rows and 8 columns at a time, 128 bytes
/// in one pass: with 16-bit elements any swizzle spreads these 16 bytes of each
/// row over the banks. With 32-bit ones a pass has 32 bytes of 4 rows, which
/// two neighbouring rows of a wider box would have in the same banks.
/// Of tensor memory a lane has a row, whose columns it loads some at a time:
/// one box after another, all four eights of rows in the same banks.
OutputBoxes nybl::compiler::outputBoxes(const Schedule &s,
                                        int64_t elementBytes) {
  int64_t rowBytes = s.tile[1] / s.warps[1] * elementBytes;
  int64_t bytes = elementBytes == 2 || s.inTensorMemory() ? 128 : 32;
  while (bytes > 32 && rowBytes % bytes != 0)
    bytes /= 2;
  if (s.inTensorMemory())
    return {32, bytes, rowBytes / bytes, 1};
  int64_t rows = s.tile[0] / s.warps[0];
  while (rows % 32 == 0 && outputBytes(s, rows, elementBytes) > mostOutputBytes)
    rows /= 2;
  return {rows, bytes, rowBytes / bytes, rowBytes / bytes};
}

static int64_t roundUp(int64_t bytes, int64_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

/// Rows of data are padded by 16 bytes against bank conflicts, unless a tensor
/// map swizzles them; one byte a scale. Slots are aligned to 128 bytes; between
/// roles each ring of slots is to the 1024 of a swizzle, behind its mbarriers.
int64_t nybl::compiler::sharedBytes(const Schedule &s, int64_t elementBytes) {
  constexpr int64_t ringAlignment = 1024;
  int64_t data = s.tile[2] / 2 + (s.byTma ? 0 : 16), scales = s.tile[2] / 16;
  int64_t bytes = s.hasRoles() ? ringAlignment : 0;
  auto addStage = [&](int64_t rows, int64_t row) {
    bytes += roundUp(s.stages * roundUp(rows * row, 128),
                     s.hasRoles() ? ringAlignment : 1);
  };
  // Two CTAs share both operands, and the scale factors of their rows of D.
  for (size_t side : {0, 1}) {
    int64_t rows = s.tile[side] / s.ctas;
    addStage(rows, data);
    addStage(roundUp(side == 0 ? rows : s.tile[1], s.scaleRows()), scales);
  }
  if (!s.storesByTma)
    return bytes;
  OutputBoxes boxes = outputBoxes(s, elementBytes);
  int64_t ofGroup =
      s.warps[0] * s.warps[1] * boxes.rows * boxes.bytes * boxes.atOnce;
  return bytes + s.consumers() * roundUp(ofGroup, ringAlignment);
}

static Status validateShared(const Schedule &s, const Chip &chip,
                             int64_t elementBytes) {
  int64_t shared = sharedBytes(s, elementBytes);
  int64_t limit = s.hasRoles() ? chip.sharedPerCta : chip.staticSharedPerCta;
  if (shared <= limit)
    return Status::ok();
  return Status::invalid(
      fmt::format("schedule '{}': expected at most {} bytes of shared memory "
                  "on {}, got {}",
                  print(s), limit, chip.name, shared));
}

/// Parts of a tile wait for each other, so all CTAs of a grid with parts begin
/// at once, and there is nobody to take over from.
static Status validateScheduler(const Schedule &s, const Chip &chip) {
  auto refuse = [&](std::string why) {
    return Status::invalid(fmt::format("schedule '{}': {}", print(s), why));
  };
  if (!s.takesOver)
    return Status::ok();
  if (!chip.clusterLaunchControl)
    return refuse(fmt::format("{} has no cluster launch control, which "
                              "scheduler=clc needs: use scheduler=static",
                              chip.name));
  if (!s.hasRoles())
    return refuse("expected roles (kind=cooperative, kind=pingpong, kind=tmem) "
                  "where scheduler=clc: a producer asks for tiles ahead");
  if (s.ctas != 1)
    return refuse(
        "expected ctas=1 where scheduler=clc: a tile is taken over by "
        "one CTA, not by a pair");
  if (s.split != 1)
    return refuse("expected no split where scheduler=clc: parts of a tile wait "
                  "for each other, so their CTAs must all have begun");
  return Status::ok();
}

/// 128 rows are the lanes of tensor memory, 32 for each warp of a group; of
/// columns there may be 8 to 256 (PTX ISA, tcgen05.mma .kind::mxf4nvf4). A
/// thread takes a row, some columns at a time.
static Status validateTensorMemory(const Schedule &s, const Chip &chip) {
  auto refuse = [&](std::string why) {
    return Status::invalid(fmt::format("schedule '{}': {}", print(s), why));
  };
  if (!chip.tcgen05)
    return refuse(fmt::format("{} has no tensor memory, which kind=tmem needs",
                              chip.name));
  std::array<int64_t, 2> warps{s.swapped ? 1 : 4, s.swapped ? 4 : 1};
  if (s.rowsOfCta() != 128 || s.multiplyColumns() % (8 * s.ctas) != 0 ||
      s.multiplyColumns() > 256 || s.warps != warps)
    return refuse("expected of kind=tmem tile=128xNxK and warps=4x1, or with "
                  "swap=ab tile=Nx128xK and warps=1x4, with N a multiple of 8 "
                  "up to 256, or with ctas=2 tile=256xNxK and warps=4x1, with "
                  "N a multiple of 16");
  if (s.ctas != 1 && s.swapped)
    return refuse("expected no swap=ab where ctas=2");
  if (!s.byTma || s.split != 1)
    return refuse("expected fill=tma and no split of kind=tmem");
  if (auto plan = planTensorMemory(s, chip.tensorColumns); !plan)
    return refuse(plan.message());
  return Status::ok();
}

/// Accumulators are a thread's registers.
static Status validateWarps(const Schedule &s, const Chip &chip) {
  auto refuse = [&](std::string why) {
    return Status::invalid(fmt::format("schedule '{}': {}", print(s), why));
  };
  int64_t accumulators = s.tile[0] * s.tile[1] / (s.warps[0] * s.warps[1] * 32);
  if (accumulators > 128)
    return refuse(fmt::format("expected at most 128 accumulators a thread, got "
                              "{}: use more warps or a smaller tile",
                              accumulators));
  if (int64_t warps = s.consumers() * s.warps[0] * s.warps[1];
      s.hasRoles() && accumulators > 64 && warps > 8)
    return refuse(fmt::format("expected at most 8 warps that multiply where a "
                              "thread has more than 64 accumulators, got {} "
                              "warps: registers do not suffice",
                              warps));
  if (!chip.tcgen05)
    return Status::ok();
  return refuse(fmt::format("{} has no block-scaled mma.sync, which kind={} "
                            "needs: use kind=tmem",
                            chip.name, s.kind));
}

Status nybl::compiler::validate(const Schedule &s, const Chip &chip) {
  auto refuse = [&](std::string why) {
    return Status::invalid(fmt::format("schedule '{}': {}", print(s), why));
  };
  for (size_t side : {0, 1})
    if (!s.inTensorMemory() && s.tile[side] % (16 * s.warps[side]) != 0)
      return refuse(fmt::format("tile {0} must be a multiple of 16 x warps "
                                "along {0}",
                                side == 0 ? 'm' : 'n'));
  if (s.tile[2] % 64 != 0)
    return refuse("tile k must be a multiple of 64");
  if (s.threads() > 1024)
    return refuse(
        fmt::format("expected at most 1024 threads, got {}", s.threads()));
  if (s.kind == "plain" ? s.stages != 1 : s.stages < 2 || s.stages > 8)
    return refuse("expected 1 stage of kind=plain, 2 to 8 of the others");
  if (s.split > 64)
    return refuse(
        fmt::format("expected a split into at most 64 parts, got {}", s.split));
  if (s.hasRoles() && s.warps[0] * s.warps[1] % 4 != 0)
    return refuse(fmt::format("expected whole warpgroups of kind={}: a "
                              "multiple of 4 warps",
                              s.kind));
  if (s.byTma && (!s.hasRoles() || s.tile[2] > 256 || s.tile[0] > 256 ||
                  s.tile[1] > 256 || (s.tile[2] & (s.tile[2] - 1)) != 0))
    return refuse(
        "expected roles (kind=cooperative, kind=pingpong, kind=tmem) "
        "and at most 256 rows, with a K step of 64, 128 or 256, where "
        "fill=tma");
  if (s.storesByTma && s.swapped)
    return refuse("expected store=direct where swap=ab: a lane has neighbours "
                  "of a column of D, not of a row");
  if (s.storesByTma && s.split > 1)
    return refuse("expected store=direct where split: the last part alone "
                  "stores, from its registers");
  if (s.storesByTma && !s.hasRoles())
    return refuse("expected roles (kind=cooperative, kind=pingpong) where "
                  "store=tma");
  if (s.ctas != 1 && !s.inTensorMemory())
    return refuse("expected kind=tmem where ctas=2: no other multiply is of "
                  "two CTAs");
  if (Status status = validateScheduler(s, chip); !status)
    return status;
  Status status = s.inTensorMemory() ? validateTensorMemory(s, chip)
                                     : validateWarps(s, chip);
  if (!status)
    return status;
  return validateShared(s, chip, /*elementBytes=*/2);
}

/// What needs numbers for N and K: the rest is checked at launch.
static Status validateAnySizes(const Schedule &s, const Chip &chip,
                               int64_t elementBytes) {
  if (s.kind == "multistage" || s.split > 1 || s.group > 1 || s.storesByTma ||
      s.ctas > 1)
    return Status::invalid(fmt::format(
        "schedule '{}': expected another kind than multistage, and neither "
        "split, group, store=tma nor ctas=2 where n=? and k=?",
        print(s)));
  if (Status status = validate(s, chip); !status)
    return status;
  return validateShared(s, chip, elementBytes);
}

Status nybl::compiler::validate(const Schedule &s, const Chip &chip,
                                const GemmProblem &problem) {
  if (problem.isGeneric())
    return validateAnySizes(s, chip, byteWidth(problem.d));
  if (s.byTma && problem.k % 32 != 0)
    return Status::invalid(fmt::format(
        "schedule '{}': expected k to be a multiple of 32, for TMA copies rows "
        "of whole 16 bytes, got k={}; {}",
        print(s), problem.k,
        s.inTensorMemory() ? "kind=tmem has no other way to fill: add columns "
                             "of zeros to both operands"
                           : "leave fill=tma out"));
  int64_t steps = (problem.k + s.tile[2] - 1) / s.tile[2];
  if (s.split > 1 && (steps == 0 || steps % s.split != 0))
    return Status::invalid(fmt::format(
        "schedule '{}': expected a split that divides the K steps of a tile, "
        "so that its parts have equally many, but k={} is {} steps of {}; take "
        "another split, or another K step",
        print(s), problem.k, steps, s.tile[2]));
  int64_t elementBytes = byteWidth(problem.d);
  if (s.storesByTma && problem.n * elementBytes % 16 != 0)
    return Status::invalid(fmt::format(
        "schedule '{}': expected n to be a multiple of {}, for TMA stores rows "
        "of whole 16 bytes, got n={}; leave store=tma out",
        print(s), 16 / elementBytes, problem.n));
  constexpr int64_t narrowestBox = 32;
  if (s.storesByTma && s.tile[1] / s.warps[1] * elementBytes % narrowestBox)
    return Status::invalid(fmt::format(
        "schedule '{}': expected rows of a warp's tile of whole {} bytes, the "
        "narrowest box, for store=tma, got {}",
        print(s), narrowestBox, s.tile[1] / s.warps[1] * elementBytes));
  if (Status status = validate(s, chip); !status)
    return status;
  return validateShared(s, chip, elementBytes);
}
