// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How much of tensor memory a kernel has.
#ifndef NYBL_DIALECTS_CTA_CTATENSOR_H
#define NYBL_DIALECTS_CTA_CTATENSOR_H

#include "dialects/Chips/Chips.h"
#include "dialects/Cta/CtaOps.h"

namespace nybl::cta {

/// Columns of all stages of all rings fit in tensor memory. Part of the
/// kernel's verifier.
mlir::LogicalResult verifyTensorColumns(KernelOp kernel);

} // namespace nybl::cta

#endif // NYBL_DIALECTS_CTA_CTATENSOR_H
