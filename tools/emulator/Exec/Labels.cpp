// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Passes over a launch, and what they tell of each slot.

#include "tools/emulator/Exec/Labels.h"

#include "tools/emulator/Exec/Cluster.h"
#include <algorithm>
#include <bit>

using namespace nybl::emu;

//===----------------------------------------------------------------------===//
// The recorder
//===----------------------------------------------------------------------===//

void LabelRecorder::beginPass(unsigned bitNumber, bool set) {
  if (passes > 0) {
    isFirst = false;
    // A warp that multiplied less than before.
    for (auto &[key, warp] : warps)
      differs |= warp.begun != warp.multiplies.size();
  }
  ++passes;
  bit = 1u << bitNumber;
  isSet = set;
  current = nullptr;
  for (auto &[key, warp] : warps)
    warp.begun = 0;
}

void LabelRecorder::beginMultiply(const Cta &cta, unsigned warp, uint32_t pc) {
  const Dim3 &grid = cta.config.grid;
  uint64_t number =
      (uint64_t(cta.index.z) * grid.y + cta.index.y) * grid.x + cta.index.x;
  WarpTrace &trace = warps[{number, warp}];
  uint32_t line = cta.kernel.source[pc].line;
  if (isFirst)
    trace.multiplies.push_back({line, {}});
  differs |= trace.begun >= trace.multiplies.size();
  current = differs ? nullptr : &trace.multiplies[trace.begun];
  ++trace.begun;
  nextSlot = 0;
  differs |= current && current->line != line;
}

void LabelRecorder::see(LabelOperand operand, unsigned row, unsigned k,
                        bool marked) {
  if (!current || !wants(operand) || slots > mostSlots)
    return;
  if (isFirst) {
    current->slots.push_back({operand, row, k});
    ++slots;
  }
  bool known = nextSlot < current->slots.size();
  if (!known) {
    differs = true;
    return;
  }
  Slot &slot = current->slots[nextSlot++];
  differs |= slot.operand != operand || slot.row != row || slot.k != k;
  if (marked)
    (isSet ? slot.ones : slot.zeros) |= bit;
}

void LabelRecorder::seeRow(LabelOperand operand, unsigned row,
                           const uint8_t *marks, unsigned count,
                           unsigned elementBits) {
  unsigned nibbles = elementBits / 4;
  for (unsigned k = 0; wants(operand) && k < count; ++k) {
    bool marked = false;
    for (unsigned i = k * nibbles; i < (k + 1) * nibbles; ++i)
      marked |= marks[i / 2] >> (i % 2) & 1;
    see(operand, row, k, marked);
  }
}

std::string LabelRecorder::problem() const {
  if (slots > mostSlots)
    return "labels: the launch has more than " + std::to_string(mostSlots) +
           " slots to record; ask for fewer operands or a smaller problem";
  if (differs)
    return "labels: the launch does not multiply alike when it is repeated";
  return "";
}

std::vector<LabelRecord> LabelRecorder::records(unsigned bits) const {
  uint32_t all = bits >= 32 ? ~0u : (1u << bits) - 1;
  std::vector<LabelRecord> result;
  result.reserve(slots);
  for (auto &[key, warp] : warps)
    for (size_t i = 0; i < warp.multiplies.size(); ++i)
      for (const Slot &slot : warp.multiplies[i].slots) {
        LabelRecord record{key.first, key.second,   warp.multiplies[i].line,
                           i,         slot.operand, slot.row,
                           slot.k};
        bool one = (slot.ones ^ slot.zeros) == all;
        if (slot.ones | slot.zeros)
          record.state = one ? LabelRecord::One : LabelRecord::Mixed;
        record.label = one ? slot.ones : 0;
        result.push_back(record);
      }
  return result;
}

//===----------------------------------------------------------------------===//
// The passes
//===----------------------------------------------------------------------===//

namespace {

/// Half a byte is the smallest unit.
uint64_t unitsOf(const LabelRequest &r) {
  return r.unitBytes ? (r.bytes + r.unitBytes - 1) / r.unitBytes : r.bytes * 2;
}

/// Marks where the label has this bit as `isSet` says.
void markBytes(const LabelRequest &r, unsigned bit, bool isSet,
               GlobalMemory &memory) {
  auto hit = [&](uint64_t unit) {
    return ((r.firstLabel + unit) >> bit & 1) == isSet;
  };
  std::vector<uint8_t> marks(r.bytes);
  for (uint64_t i = 0; i < r.bytes; ++i)
    marks[i] =
        r.unitBytes
            ? (hit(i / r.unitBytes) ? shadow::poison : uint8_t(0))
            : static_cast<uint8_t>((hit(2 * i) ? shadow::poisonLow : 0) |
                                   (hit(2 * i + 1) ? shadow::poisonHigh : 0));
  memory.setMarks(r.address, marks);
}

/// The number of bits of the largest label, or an error.
Expected<unsigned> bitsOf(const std::vector<LabelRequest> &requests,
                          const GlobalMemory &memory) {
  uint64_t largest = 0;
  for (const LabelRequest &r : requests) {
    if (r.bytes == 0 || !memory.find(r.address, r.bytes, nullptr))
      return Error{"labels: expected a range within one live allocation"};
    largest = std::max(largest, r.firstLabel + unitsOf(r) - 1);
  }
  if (requests.empty() || largest > UINT32_MAX)
    return Error{requests.empty() ? "labels: nothing is labelled"
                                  : "labels: a label of more than 32 bits"};
  return std::max(1u, static_cast<unsigned>(std::bit_width(largest)));
}

} // namespace

LabelTrace nybl::emu::traceLabels(
    const Program &program, const KernelInfo &kernel,
    const LaunchConfig &config, const uint8_t *parameters, GlobalMemory &memory,
    const std::vector<LabelRequest> &requests, unsigned operands) {
  LabelTrace trace;
  LabelRecorder recorder(operands);
  LaunchConfig pass = config;
  pass.hostThreads = 1;
  pass.poison = true;
  pass.races = pass.count = false;
  pass.recorder = &recorder;
  pass.print = [](std::string_view) {};
  Expected<unsigned> bits = bitsOf(requests, memory);
  if (!bits) {
    trace.problem = bits.message();
  } else {
    GlobalMemory::Snapshot before = memory.snapshot();
    for (unsigned i = 0; i < 2 * *bits && trace.problem.empty(); ++i) {
      recorder.beginPass(i / 2, i % 2 == 0);
      memory.restore(before, false);
      for (const LabelRequest &r : requests)
        markBytes(r, i / 2, i % 2 == 0, memory);
      LaunchResult run = runKernel(program, kernel, pass, parameters, memory);
      trace.problem = run.reports.empty()
                          ? recorder.problem()
                          : "labels: " + run.reports.front().text();
    }
    memory.restore(before, true);
    if (trace.problem.empty())
      trace.records = recorder.records(*bits);
  }
  trace.result = runKernel(program, kernel, config, parameters, memory);
  return trace;
}
