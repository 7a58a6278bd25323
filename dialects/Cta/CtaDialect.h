// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Cta dialect without its ops; include CtaOps.h for those.
#ifndef NYBL_DIALECTS_CTA_CTADIALECT_H
#define NYBL_DIALECTS_CTA_CTADIALECT_H

#include "mlir/IR/Dialect.h"

#include "dialects/Cta/CtaDialect.h.inc"

#endif // NYBL_DIALECTS_CTA_CTADIALECT_H
