// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A grid may begin before the one ahead of it has ended if its certificate says
// that it touches nothing until then (L7).

#include "runtime/Launch/Flags.h"
#include "nybl/nybl.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::launch;

Flags Flags::make(const Manifest &manifest) {
  const auto &lemmas = manifest.certificate.lemmas;
  Flags flags;
  flags.waits = std::any_of(lemmas.begin(), lemmas.end(), [](const Lemma &l) {
    return l.name == "L7" && l.proven;
  });
  return flags;
}

Status Flags::checkSome(uint64_t flags) const {
  if (flags & ~uint64_t(NYBL_LAUNCH_DEPENDENT))
    return Status::refused(fmt::format(
        "flags: expected 0 or {} (NYBL_LAUNCH_DEPENDENT), got {}: this "
        "libnybl.so knows no other",
        int(NYBL_LAUNCH_DEPENDENT), flags));
  if (waits)
    return Status::ok();
  return Status::refused(
      "flags: expected a launch without NYBL_LAUNCH_DEPENDENT, since the "
      "kernel's certificate does not say that it waits for the grid before it "
      "(L7)");
}
