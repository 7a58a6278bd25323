// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A manifest's launch recipe, made ready once: the preconditions as a list of
// checks and the parameters as a list of slots. Evaluating it needs no device,
// takes no lock and allocates only to say what is wrong.
#ifndef NYBL_RUNTIME_LAUNCH_RECIPE_H
#define NYBL_RUNTIME_LAUNCH_RECIPE_H

#include "nybl/nybl.h"
#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Launch/Flags.h"
#include "runtime/Launch/Report.h"
#include "runtime/Launch/TensorMaps.h"
#include "runtime/Launch/Workspace.h"
#include <array>
#include <vector>

namespace nybl::launch {

/// Kernel parameters as cuLaunchKernel takes them. Lives on the stack, in one
/// place: it points into itself.
class ParameterBlock {
public:
  static constexpr size_t capacity = 32;
  static constexpr size_t mapCapacity = 3; ///< one for a, b and d each

  ParameterBlock() = default;
  ParameterBlock(const ParameterBlock &) = delete;
  ParameterBlock &operator=(const ParameterBlock &) = delete;

  void push(uint64_t bits) {
    values[count] = bits;
    pointers[count] = &values[count];
    ++count;
  }
  /// A tensor map, to be filled in.
  CUtensorMap &pushMap() {
    CUtensorMap &map = maps[mapCount++];
    pointers[count++] = &map;
    return map;
  }
  void **data() { return pointers.data(); }
  size_t size() const { return count; }
  /// Of a parameter that is no tensor map. The first 4 bytes are the value of a
  /// 32-bit one (little endian).
  uint64_t operator[](size_t i) const { return values[i]; }

private:
  std::array<CUtensorMap, mapCapacity> maps; // aligned to 64 bytes by its type
  std::array<uint64_t, capacity> values;
  std::array<void *, capacity> pointers;
  size_t count = 0, mapCount = 0;
};
static_assert(alignof(ParameterBlock) >= 64, "cuTensorMapEncodeTiled asks it");

enum class Operand : uint8_t {
  A,
  ScalesA,
  B,
  ScalesB,
  D,
  Alpha,
  M,
  Workspace,
};

/// Manifest.h's names of checks.
enum class Check : uint8_t {
  Alignment,
  StrideMultiple,
  StrideMax,
  RowsFit,
  ScaleBytes,
  RowsMax,
  NoOverlap,
  TileBytes,
};

/// What a parameter is filled with. Size: what follows from N and K.
enum class Source : uint8_t {
  Pointer,
  Stride,
  Value,
  Reciprocal,
  Rows,
  Map,
  Size,
};

/// Immutable but for tensor maps that it remembers; shared by threads.
class Recipe {
public:
  /// `problem` is the one asked for: its class is the kernel's, its range of m
  /// is this plan's. Errors: Invalid where the manifest is not understood,
  /// since an unknown precondition cannot be checked.
  static Expected<Recipe> make(const Manifest &manifest,
                               const GemmProblem &problem);

  /// Ok if the launch may happen. Errors: Refused. Nothing but m is checked
  /// where nothing is launched (m = 0 or n = 0).
  Status check(const nybl_gemm_args &args) const;

  /// All that check would refuse, one after the other.
  std::vector<Status> faults(const nybl_gemm_args &args) const;

  /// Fills the empty `block` with the kernel's parameters, in order. args must
  /// have passed check. `api` encodes the tensor maps that were not encoded
  /// before: the device's context must be current then. Errors: Environment.
  Status pack(const nybl_gemm_args &args, const driver::Driver &api,
              ParameterBlock &block) const;

  /// ceil(M / tileM) * ceil(N / tileN); 0: no launch.
  int64_t tiles(int64_t m) const;
  /// CTAs that have work: one for each part of each tile.
  int64_t tasks(int64_t m) const;
  /// Of the workspace, for M rows. Errors: Refused (m).
  Expected<uint64_t> workspaceBytes(int64_t m) const;

  const GemmProblem &problem() const { return asked; }

private:
  struct Condition {
    Check check;
    Operand operand;
    int64_t value;
  };
  struct Slot {
    Source source;
    Operand operand;
    int64_t size = 0; ///< Source::Size
  };
  struct Map {
    Operand operand;
    MapShape shape;
    std::shared_ptr<MapMemory> memory; ///< copies of a recipe share it
  };

  void checkEach(const nybl_gemm_args &args, Report report) const;
  Status addCondition(const Precondition &precondition);
  Status addSlot(const KernelParameter &parameter);
  bool addSize(const KernelParameter &parameter);
  Status addMaps(const Manifest &manifest);
  template <typename Enough>
  bool demands(Check check, Operand operand, Enough enough) const;
  Status requireChecks() const;
  Status requireMapChecks(const Map &map) const;
  bool holds(const Condition &condition, const nybl_gemm_args &args) const;
  Status refusal(const Condition &condition, const nybl_gemm_args &args) const;
  Status refusedFit(const Condition &condition,
                    const nybl_gemm_args &args) const;
  bool checkScales(Operand operand, const nybl_gemm_args &args,
                   Report report) const;
  bool checkAlpha(const nybl_scalar &alpha, Report report) const;
  bool checkWorkspace(const nybl_gemm_args &args, Report report) const;
  int64_t rowsOf(Operand operand, const nybl_gemm_args &args) const;
  Status encodeMap(Operand operand, const nybl_gemm_args &args,
                   const driver::Driver &api, CUtensorMap &to) const;
  uint64_t bitsOf(const Slot &slot, const nybl_gemm_args &args) const;

  GemmProblem asked;
  int64_t tileM = 1, tileN = 1, tileColumns = 0, split = 1;
  Workspace workspace;
  Flags flags;
  std::vector<Condition> conditions;
  std::vector<Slot> slots;
  std::vector<Map> maps; ///< each operand at most once
};

/// The check of m alone, for a plan without a kernel (n = 0).
Status checkRows(const Extent &range, int64_t m);

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_RECIPE_H
