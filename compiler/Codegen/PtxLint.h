// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A second look at the PTX that ships, after LLVM, sharing no code with the
// proof: were accesses widened, dropped or added, guards lost, waits moved?
#ifndef NYBL_COMPILER_CODEGEN_PTXLINT_H
#define NYBL_COMPILER_CODEGEN_PTXLINT_H

#include "runtime/Abi/Status.h"
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace nybl::compiler {

/// How many instructions of each kind stand in a kernel.
struct PtxCounts {
  /// Of global memory: 8 bytes of data, one scale factor, one f32, an element.
  unsigned dataLoads = 0, scaleLoads = 0, scalarLoads = 0, stores = 0;
  unsigned wideStores = 0; ///< of the stores, those of 4 bytes
  /// 16 bytes of elements, read and written; the codes of a block; a scale
  /// factor, written.
  unsigned elementLoads = 0, elementStores = 0, codeStores = 0,
           factorStores = 0;
  unsigned barriers = 0, multiplies = 0;
  /// cp.async of 8 bytes of data, of 4 scale factors; their groups and waits.
  unsigned dataCopies = 0, scaleCopies = 0, groups = 0, waits = 0;
  /// Copies of boxes by TMA, how often a barrier is told to expect bytes, and
  /// elections of who does so.
  unsigned boxes = 0, expectations = 0, elections = 0;
  unsigned bulkCopies = 0; ///< of scale factors, as they lie
  /// mbarriers that are made, arrived at (by a warp; by its copies) and waited
  /// for.
  unsigned mbarriers = 0, arrivals = 0, copyArrivals = 0, mbarrierWaits = 0;
  /// Stores of boxes by TMA, and of pairs of elements into shared memory; their
  /// groups, waits until groups have been read or are over, and fences.
  unsigned boxStores = 0, pairs = 0, boxGroups = 0, boxReads = 0, boxWaits = 0,
           proxyFences = 0;
  unsigned choiceFences = 0; ///< of the fences, those with a predicate
  /// Of cluster launch control: requests for a tile, the mbarriers that are
  /// told of an answer, and answers that are taken.
  unsigned cancellations = 0, answersExpected = 0, answers = 0;
  unsigned warpBarriers = 0; ///< a warp's lanes meet
  /// Of the workspace: counters that are waited for and handed on; four sums
  /// that are read and left.
  unsigned partWaits = 0, partsDone = 0, sums = 0, sumsLeft = 0;
  /// Of tensor memory: how often it is asked for and given back; copies of 512
  /// bytes of scale factors; what tells an mbarrier that all that was asked for
  /// is over; loads of accumulators, and waits for them; fences behind waits,
  /// and ahead of what says that something is over.
  unsigned tensorAllocs = 0, tensorFrees = 0, tensorCopies = 0,
           tensorCommits = 0, tensorLoads = 0, tensorWaits = 0,
           tensorFences = 0, tensorFencesBefore = 0, tensorPermits = 0;
  /// Of pairs of CTAs, where the kernel is run by them: how often all threads
  /// of both meet, one CTA hands over to the other, and that waits for it.
  bool byPairs = false;
  unsigned pairMeetings = 0, pairArrivals = 0, pairWaits = 0;
  unsigned ahead = 0; ///< of the copies, those before griddepcontrol.wait
  /// What their addresses may be made of: numbers of the kernel's parameters.
  std::set<unsigned> aheadFrom{};
};

/// Counts of one entry, and a sentence with the PTX line for each rule broken:
/// a memory operation or any instruction that is not on the list; a load or
/// store of global memory without a predicate, before griddepcontrol.wait,
/// widened, or into the register of its address; a copy without a source size
/// in a register, or before griddepcontrol.wait from an address that is made of
/// other parameters than counts.aheadFrom; local memory; a call; what one
/// thread is to do, by another than one that is elected, or by one of each warp
/// where it is to be one warp's; an election where a warp may have parted.
std::vector<std::string>
findPtxFaults(std::string_view ptx, std::string_view kernel, PtxCounts &counts);

/// Refused with the first fault, or where the counts are not those of the
/// proven kernel: accesses, barriers, groups and waits exactly; of multiplies
/// at most as many, since LLVM drops those whose sum nobody uses.
Status lintPtx(std::string_view ptx, std::string_view kernel,
               const PtxCounts &expected);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CODEGEN_PTXLINT_H
