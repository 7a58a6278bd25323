// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Field by field.

#include "compiler/Conversion/ScheduleAttribute.h"

using namespace nybl;
using namespace nybl::compiler;

cta::ScheduleAttr nybl::compiler::attributeOf(mlir::MLIRContext *context,
                                              const Schedule &s) {
  auto word = [&](const char *text, bool isGiven) {
    return isGiven ? mlir::StringAttr::get(context, text) : mlir::StringAttr();
  };
  return cta::ScheduleAttr::get(
      context, word(s.kind.c_str(), true), s.tile, s.warps, s.stages,
      word("tma", s.byTma), word("tma", s.storesByTma), word("ab", s.swapped),
      s.split, s.group, s.ctas, word("clc", s.takesOver));
}

Schedule nybl::compiler::scheduleOf(cta::ScheduleAttr attribute) {
  Schedule schedule;
  schedule.kind = attribute.getKind().str();
  llvm::copy(attribute.getTile(), schedule.tile.begin());
  llvm::copy(attribute.getWarps(), schedule.warps.begin());
  schedule.stages = attribute.getStages();
  schedule.byTma = bool(attribute.getFill());
  schedule.storesByTma = bool(attribute.getStore());
  schedule.swapped = bool(attribute.getSwap());
  schedule.split = attribute.getSplit();
  schedule.group = attribute.getGroup();
  schedule.ctas = attribute.getCtas();
  schedule.takesOver = bool(attribute.getScheduler());
  return schedule;
}
