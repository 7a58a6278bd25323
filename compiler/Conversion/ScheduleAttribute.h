// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A schedule on its way into the IR and back.
#ifndef NYBL_COMPILER_CONVERSION_SCHEDULEATTRIBUTE_H
#define NYBL_COMPILER_CONVERSION_SCHEDULEATTRIBUTE_H

#include "compiler/Select/Schedule.h"
#include "dialects/Cta/CtaOps.h"

namespace nybl::compiler {

/// scheduleOf(attributeOf(context, s)) == s.
cta::ScheduleAttr attributeOf(mlir::MLIRContext *context,
                              const Schedule &schedule);
Schedule scheduleOf(cta::ScheduleAttr attribute);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_SCHEDULEATTRIBUTE_H
