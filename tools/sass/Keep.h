// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Does a cubin keep what the PTX says that it was made from?
//
//   multiplies  Multiplies of the PTX are grouped by their innermost loop,
//   those
//               in none being a group too. ptxas may copy a group (unrolling,
//               peeling), but only as a whole: each innermost loop of the SASS,
//               and what lies outside of loops, has a number of multiplies that
//               is a sum of whole groups, and there are at least as many as in
//               the PTX.
//   wait        Loads of global memory that ACQBULK (griddepcontrol.wait) does
//               not dominate: no more than loads that the wait does not
//               dominate in the PTX. Asked where the PTX waits.
//   registers   As many USETMAXREG as the PTX has setmaxnreg, with the same
//               numbers of registers. (ptxas drops what it finds no use for.)
//   boxes       At least as many stores of boxes (UTMASTG) as the PTX has.
//   requests    At least as many requests for a CTA to cancel (UGETNEXTWORKID)
//   as
//               the PTX has.
//   calls       No call out of the kernel's own code, such as a syscall in the
//               place of an instruction; vprintf where the PTX calls it.
//   scope       For each acquire and release of the PTX at the scope of the
//               GPU a load or store of that scope (.STRONG.GPU), with what
//               makes others wait or look again: CCTL.IVALL, MEMBAR of the GPU.
//   local       No local memory (LDL, STL) in loops: spills.
//
// What is not asked: which operands the multiplies have, or their order.
#ifndef NYBL_TOOLS_SASS_KEEP_H
#define NYBL_TOOLS_SASS_KEEP_H

#include "tools/sass/Code.h"

namespace nybl::sass {

/// What was lost, and where.
struct Loss {
  uint64_t address = 0;
  std::string instruction; ///< there; empty: of the whole kernel
  std::string expected;    ///< and what came

  std::string sentence() const;
};

struct Check {
  const char *name, *counted;
  size_t ptx = 0, sass = 0;
  std::vector<Loss> lost{};
};

/// All checks, in the order above. Errors: Unproven, where control flow is not
/// known or has cycles that are no natural loops.
Expected<std::vector<Check>> checkKept(const Code &ptx, const Code &sass);

} // namespace nybl::sass

#endif // NYBL_TOOLS_SASS_KEEP_H
