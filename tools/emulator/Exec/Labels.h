// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Labels: where in memory the values at each slot of a multiply came from. The
// marks of the poison engine travel exactly, nibble by nibble, through moves;
// so a label is found bit by bit: the launch runs again and again, each time
// with those bytes marked whose label has one bit set (and then, so that
// mixtures are seen, those whose label has it clear), and the marks that reach
// the multiplies are put together.
#ifndef NYBL_EMULATOR_EXEC_LABELS_H
#define NYBL_EMULATOR_EXEC_LABELS_H

#include "tools/emulator/Exec/Engine.h"

namespace nybl::emu {

struct Cta;

enum class LabelOperand : uint8_t { A, B, ScaleA, ScaleB, C };

/// Units of so many bytes (0: of half a byte, the low one first) are labelled
/// firstLabel, firstLabel + 1 and so on. Where requests overlap, the later
/// holds.
struct LabelRequest {
  uint64_t address = 0, bytes = 0;
  uint32_t firstLabel = 0;
  uint32_t unitBytes = 1;
};

struct LabelRecord {
  enum State : uint8_t { None, One, Mixed };

  uint64_t cta = 0;      ///< linear, x fastest
  uint32_t warp = 0;     ///< within the CTA
  uint32_t line = 0;     ///< of the PTX
  uint64_t multiply = 0; ///< counted within the warp, from 0
  LabelOperand operand = LabelOperand::A;
  /// Of a multiply as one: row of A (and C), column of B; then the element
  /// along K, the scale's number along K, or the column of C. A warp's part of
  /// a wgmma has 16 rows.
  uint32_t row = 0, k = 0;
  State state = None;
  uint32_t label = 0; ///< of One
};

/// What the handlers of multiplies talk to: they say the marks of every slot,
/// in an order that does not change.
class LabelRecorder {
public:
  /// A bit for each LabelOperand.
  explicit LabelRecorder(unsigned operands) : operands(operands) {}

  bool wants(LabelOperand operand) const {
    return operands >> static_cast<unsigned>(operand) & 1;
  }
  void beginMultiply(const Cta &cta, unsigned warp, uint32_t pc);
  /// One slot of the multiply that began last.
  void see(LabelOperand operand, unsigned row, unsigned k, bool marked);
  /// `count` slots of a row; `marks` has a shadow byte for each data byte.
  void seeRow(LabelOperand operand, unsigned row, const uint8_t *marks,
              unsigned count, unsigned elementBits);

  // For traceLabels ----------------------------------------------------------
  void beginPass(unsigned bit, bool isSet);
  /// Why records cannot be had, or an empty text.
  std::string problem() const;
  std::vector<LabelRecord> records(unsigned bits) const;

private:
  struct Slot {
    LabelOperand operand;
    uint32_t row, k;
    uint32_t ones = 0, zeros = 0; ///< bits seen set, and clear
  };
  struct Multiply {
    uint32_t line;
    std::vector<Slot> slots;
  };
  struct WarpTrace {
    std::vector<Multiply> multiplies;
    size_t begun = 0; ///< in this pass
  };
  static constexpr uint64_t mostSlots = uint64_t(1) << 24;

  unsigned operands;
  std::map<std::pair<uint64_t, uint32_t>, WarpTrace> warps;
  Multiply *current = nullptr;
  size_t nextSlot = 0;
  uint32_t bit = 0;
  bool isSet = true, isFirst = true, differs = false;
  unsigned passes = 0;
  uint64_t slots = 0;
};

struct LabelTrace {
  LaunchResult result; ///< of the last run, a launch like any other
  std::vector<LabelRecord> records;
  std::string problem; ///< why there are none, if so
};

/// Runs the launch two times for each bit of the labels, from the same memory
/// each time, and then once as it is. Nothing else may use the memory
/// meanwhile, all of which is copied.
LabelTrace traceLabels(const Program &program, const KernelInfo &kernel,
                       const LaunchConfig &config, const uint8_t *parameters,
                       GlobalMemory &memory,
                       const std::vector<LabelRequest> &requests,
                       unsigned operands);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_LABELS_H
