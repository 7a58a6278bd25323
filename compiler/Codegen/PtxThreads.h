// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which threads a predicate of a kernel's PTX holds for, as far as its text
// shows: it is followed back to the thread's number.
#ifndef NYBL_COMPILER_CODEGEN_PTXTHREADS_H
#define NYBL_COMPILER_CODEGEN_PTXTHREADS_H

#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include <optional>
#include <string>

namespace nybl::compiler {

class PtxThreads {
public:
  /// An instruction of the kernel's; those of an election follow each other.
  void follow(llvm::StringRef op, llvm::StringRef operands);

  // What is known once all have been followed.

  /// It holds for some lanes of a warp and not for its others, by a comparison
  /// of the thread's number.
  bool partsWarp(llvm::StringRef predicate) const;
  /// It holds for threads that elect.sync has named, of warps that something
  /// holds in, or for some of these.
  bool isElected(llvm::StringRef predicate) const;
  /// The same, of one warp alone, or where they may be several, of one of each
  /// group of four or more.
  bool isElectedOfOneWarp(llvm::StringRef predicate, bool ofEachGroup) const;

private:
  struct Definition {
    std::string op;
    llvm::SmallVector<std::string, 4> operands; ///< the first is what it makes
  };
  /// Of what is the thread's number, but for a multiple of 32, or what is left
  /// of that over `modulus`.
  struct Comparison {
    int64_t modulus = 0; ///< 0: the number is whole
    bool equality = false;
    int64_t bound = 0; ///< is it this number, or below it?
    bool holds = true; ///< where that is so, or where it is not
  };

  /// Null where there is none, or several: it may be either.
  const Definition *definitionOf(llvm::StringRef name) const;
  /// The modulus, where it is a thread's number.
  std::optional<int64_t> numberOf(llvm::StringRef name) const;
  std::optional<Comparison> comparisonOf(llvm::StringRef predicate) const;
  bool holdsInOneWarp(llvm::StringRef predicate, bool ofEachGroup) const;
  /// Where it is of elected threads: what had to hold in their warps.
  std::optional<llvm::StringRef> electedFrom(llvm::StringRef predicate) const;
  void define(llvm::StringRef op, llvm::ArrayRef<llvm::StringRef> operands);

  llvm::StringMap<llvm::SmallVector<Definition, 1>> definitions;
  std::string vote, votedOn; ///< of the warp that holds an election
  std::string named;         ///< by the election, in any warp
};

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CODEGEN_PTXTHREADS_H
