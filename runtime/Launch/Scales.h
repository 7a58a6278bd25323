// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What is known of a scale tensor before a launch, and whether that is enough:
// docs/field-reports.md, R3.
#ifndef NYBL_RUNTIME_LAUNCH_SCALES_H
#define NYBL_RUNTIME_LAUNCH_SCALES_H

#include "nybl/nybl.h"
#include "runtime/Abi/ScaleLayout.h"
#include "runtime/Launch/Report.h"
#include <string>

namespace nybl::launch {

/// What the problem says of the tensor. Named in messages: "a_scales".
struct ScaleExpectation {
  const char *name;
  ScaleLayout layout;
  int64_t rows;   ///< used by the launch
  int64_t blocks; ///< K blocks a row
};

/// The tag, the size, and the trust: reports each, and returns whether to go on
/// behind them.
bool checkScaleTensor(const ScaleExpectation &expected,
                      const nybl_scales &scales, Report report);

/// The first that is wrong. Errors: Refused, naming both layouts.
Status checkScaleTensor(const ScaleExpectation &expected,
                        const nybl_scales &scales);

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_SCALES_H
