// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Field by field.

#include "compiler/Conversion/ScheduleAttribute.h"

using namespace nybl;
using namespace nybl::compiler;

cta::ScheduleAttr nybl::compiler::attributeOf(mlir::MLIRContext *context,
                                              const Schedule &s) {
  return cta::ScheduleAttr::get(context, mlir::StringAttr::get(context, s.kind),
                                s.tile, s.warps, s.stages,
                                s.byTma ? mlir::StringAttr::get(context, "tma")
                                        : mlir::StringAttr());
}

Schedule nybl::compiler::scheduleOf(cta::ScheduleAttr attribute) {
  Schedule schedule;
  schedule.kind = attribute.getKind().str();
  llvm::copy(attribute.getTile(), schedule.tile.begin());
  llvm::copy(attribute.getWarps(), schedule.warps.begin());
  schedule.stages = attribute.getStages();
  schedule.byTma = bool(attribute.getFill());
  return schedule;
}
