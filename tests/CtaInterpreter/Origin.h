// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the interpreter of Cta follows instead of values: where bytes come from,
// and what became of them.
#ifndef NYBL_TESTS_CTAINTERPRETER_ORIGIN_H
#define NYBL_TESTS_CTAINTERPRETER_ORIGIN_H

#include "mlir/IR/Operation.h"
#include <array>
#include <cstdint>
#include <string>

namespace nybl::enumeration {

/// Where one byte in a register or in shared memory comes from.
struct Origin {
  enum Kind : uint8_t {
    Never,   ///< nobody wrote it
    Zero,    ///< a load whose guard did not hold
    Real,    ///< (row, at) of an operand, within its extent
    Outside, ///< read at an offset that is no real byte of its operand
    Mixed,   ///< of a block only: its bytes are not those of one block
  };
  Kind kind = Never;
  uint8_t operand = 0; ///< which argument of the kernel
  int32_t row = 0;
  int32_t at = 0; ///< byte within the row of a matrix; K block of a scale
  friend bool operator==(const Origin &, const Origin &) = default;
};

/// "a[3, 16]", "zero", ...; `name` is the operand's.
std::string describe(const Origin &origin, llvm::StringRef name);

/// The bytes of a register of loaded data or of scales, lowest first. A
/// register of 4 or 1 bytes uses the first ones.
using Bytes = std::array<Origin, 8>;

/// What an f32 register has accumulated: products of one row of A's side with
/// one of B's, each over its K blocks first, first + 1, ..., once and in order,
/// the same block of both in each product. Or one element of a tensor, its
/// column in rowFirst. Anything else is mixed.
struct Sum {
  int32_t row = -1, column = -1; ///< rows of the operands; -1: only zeros
  int32_t rowFirst = 0, columnFirst = 0;
  int32_t rowBlocks = 0, columnBlocks = 0; ///< how many
  uint8_t rowOperand = 0, columnOperand = 0;
  bool mixed = false;
  friend bool operator==(const Sum &, const Sum &) = default;
};

/// One thread's access of global memory, done or not.
struct Access {
  mlir::Operation *op;
  unsigned operand, thread;
  uint64_t offset;
  int64_t bytes;
  bool guard, isWrite;
  Origin first, last; ///< of its bytes; Real or Outside
};

/// 16 elements of K in one row or column of a multiply, and their scale.
struct Slot {
  mlir::Operation *op;
  Origin data; ///< `at` is the K block; Zero, Real, or what is wrong with it
  Origin scale;
};

/// The four slots of one row of A or column of B.
using Slots = std::array<Slot, 4>;

/// One element of a thread's store, done or not.
struct Stored {
  mlir::Operation *op;
  Origin first; ///< of its first byte
  int64_t bytes;
  bool guard;
  Sum value;
};

/// Told of everything while a kernel runs.
class Observer {
public:
  virtual ~Observer() = default;
  virtual void access(const Access &) {}
  virtual void slot(const Slot &) {}
  virtual void stored(const Stored &) {}
  /// Something that no kernel may do: `lemma` (docs/trust.md) forbids it.
  virtual void fault(mlir::Operation *, const char *lemma, std::string what) {}
  /// True once nothing more is asked for: the launch ends where it is.
  virtual bool isEnough() const { return false; }
};

} // namespace nybl::enumeration

#endif // NYBL_TESTS_CTAINTERPRETER_ORIGIN_H
