// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What D must be, by the device itself: for products that are too large for the
// host.
#ifndef NYBL_TOOLS_NYBL_NAIVEKERNEL_H
#define NYBL_TOOLS_NYBL_NAIVEKERNEL_H

#include "tools/nybl/Nvrtc.h"
#include "tools/nybl/Reference.h"

namespace nybl::cli {

/// By a naive kernel that `nvrtc` compiles, in exact integers; where it is
/// null, by our own plain schedule.
Expected<Reference> referenceOnDevice(Workbench &bench, const Product &product,
                                      const Nvrtc *nvrtc);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_NAIVEKERNEL_H
