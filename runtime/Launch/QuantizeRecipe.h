// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The launch recipe of a kernel that quantises, or undoes it: Recipe.h, of
// other operands.
#ifndef NYBL_RUNTIME_LAUNCH_QUANTIZERECIPE_H
#define NYBL_RUNTIME_LAUNCH_QUANTIZERECIPE_H

#include "runtime/Abi/QuantizeProblem.h"
#include "runtime/Launch/Recipe.h"

namespace nybl::launch {

/// Whether it and its reciprocal are what a quantisation can compute with:
/// positive and normal.
bool isUsableGlobal(float value);

/// Immutable, shared by threads.
class QuantizeRecipe {
public:
  /// As Recipe::make.
  static Expected<QuantizeRecipe> make(const Manifest &manifest,
                                       const QuantizeProblem &problem);
  static Expected<QuantizeRecipe> make(const Manifest &manifest,
                                       const DequantizeProblem &problem);

  /// Of a kernel that undoes it x is y, the output, and q is an input. Ok if
  /// the launch may happen. Errors: Refused. Nothing but m is checked where m
  /// is 0.
  Status check(const nybl_quantize_args &args) const;

  /// All that check would refuse, one after the other.
  std::vector<Status> faults(const nybl_quantize_args &args) const;

  /// Fills the empty `block`; args must have passed check.
  void pack(const nybl_quantize_args &args, ParameterBlock &block) const;

  int64_t tiles(int64_t m) const;

  const QuantizeProblem &problem() const { return asked; }

private:
  enum class Operand : uint8_t { X, Q, Scales, Global, M };
  enum class Part : uint8_t { Itself, Stride, Value, Reciprocal };
  struct Condition {
    Check check;
    Operand operand;
    int64_t value;
  };
  struct Slot {
    Operand operand;
    Part part;
  };
  /// An operand of a launch, as checks see it.
  struct View {
    const char *field;
    uint64_t pointer, bytes;
    int64_t stride;
  };

  static Expected<QuantizeRecipe> make(const Manifest &manifest,
                                       QuantizeRecipe recipe);
  View viewOf(Operand operand, const nybl_quantize_args &args) const;
  static bool isMatrix(Operand operand) {
    return operand == Operand::X || operand == Operand::Q;
  }
  static bool applies(Check check, Operand operand);
  Status addCondition(const Precondition &precondition);
  Status addSlot(const KernelParameter &parameter);
  Status requireChecks() const;
  Status evaluate(const Condition &condition,
                  const nybl_quantize_args &args) const;
  Status checkFit(const View &view, int64_t rowBytes, int64_t rows) const;
  void checkEach(const nybl_quantize_args &args, Report report) const;
  bool checkScales(const nybl_quantize_args &args, Report report) const;
  bool checkGlobal(const nybl_scalar &global, Report report) const;
  Status checkOverlap(Operand output, const nybl_quantize_args &args) const;
  uint64_t bitsOf(const Slot &slot, const nybl_quantize_args &args) const;

  QuantizeProblem asked;
  bool undoes = false; ///< x is made of q
  int64_t tileM = 1, tileK = 1;
  Flags flags;
  std::vector<Condition> conditions;
  std::vector<Slot> slots;

  friend struct QuantizeNames;
};

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_QUANTIZERECIPE_H
