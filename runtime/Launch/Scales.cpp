// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The tag, the size, and the trust of a scale tensor.

#include "runtime/Launch/Scales.h"
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::launch;

namespace {

constexpr ScaleLayout allLayouts[] = {ScaleLayout::Linear, ScaleLayout::T128x4,
                                      ScaleLayout::T8x4};
constexpr int64_t rowLimit = int64_t(1) << 31;

bool isLayout(uint32_t tag) {
  return tag >= NYBL_LAYOUT_LINEAR && tag <= NYBL_LAYOUT_8X4;
}

Status checkTag(const ScaleExpectation &expected, const nybl_scales &scales) {
  if (!isLayout(scales.layout))
    return Status::refused(fmt::format(
        "{}.layout: expected 1 (linear), 2 (128x4) or 3 (8x4), got {}",
        expected.name, scales.layout));
  auto tag = static_cast<ScaleLayout>(scales.layout);
  if (tag != expected.layout)
    return Status::refused(fmt::format(
        "{}.layout: expected {}, the layout that the plan's problem states, "
        "got a "
        "tensor in {}: repack it, or prepare the problem with its layout",
        expected.name, name(expected.layout), name(tag)));
  return Status::ok();
}

Status checkTrust(const ScaleExpectation &expected, const nybl_scales &scales) {
  if (scales.trust_layout <= 1)
    return Status::ok();
  return Status::refused(fmt::format("{}.trust_layout: expected 0 or 1, got {}",
                                     expected.name, scales.trust_layout));
}

Status checkPointer(const ScaleExpectation &expected,
                    const nybl_scales &scales) {
  if (scales.pointer != 0 && scales.pointer + scales.bytes >= scales.pointer)
    return Status::ok();
  return Status::refused(fmt::format("{}.pointer: expected a device address "
                                     "with {} bytes behind it, got {:#x}",
                                     expected.name, scales.bytes,
                                     scales.pointer));
}

Status checkRowsAllocated(const ScaleExpectation &expected,
                          const nybl_scales &scales) {
  if (scales.rows_allocated < expected.rows ||
      scales.rows_allocated >= rowLimit)
    return Status::refused(fmt::format(
        "{}.rows_allocated: expected at least the {} rows used and fewer than "
        "2^31, got {}",
        expected.name, expected.rows, scales.rows_allocated));
  return Status::ok();
}

Status sizeMismatch(const ScaleExpectation &expected, const nybl_scales &scales,
                    int64_t bytes) {
  std::string fits =
      layoutsOfSize(scales.bytes, scales.rows_allocated, expected.blocks);
  return Status::refused(fmt::format(
      "{}.bytes: expected {} for {} rows x {} K blocks in {}, got {}, which {}",
      expected.name, bytes, scales.rows_allocated, expected.blocks,
      name(expected.layout), scales.bytes,
      fits.empty()
          ? "fits none of linear, 128x4 and 8x4"
          : fmt::format("would be {}: the buffer is mislabelled", fits)));
}

/// The other layouts of the same size, or empty.
std::string rivals(const ScaleExpectation &expected,
                   const nybl_scales &scales) {
  std::string names;
  for (ScaleLayout layout : allLayouts)
    if (layout != expected.layout &&
        uint64_t(byteSize(layout, scales.rows_allocated, expected.blocks)) ==
            scales.bytes)
      names += (names.empty() ? "" : " and ") + std::string(name(layout));
  return names;
}

/// No string is made where nothing is wrong: launches come this way.
bool sizeDecides(const ScaleExpectation &expected, const nybl_scales &scales) {
  for (ScaleLayout layout : allLayouts)
    if (layout != expected.layout &&
        uint64_t(byteSize(layout, scales.rows_allocated, expected.blocks)) ==
            scales.bytes)
      return false;
  return true;
}

/// Where the tag fits.
Status checkDecided(const ScaleExpectation &expected,
                    const nybl_scales &scales) {
  if (scales.trust_layout || sizeDecides(expected, scales))
    return Status::ok();
  return Status::refused(fmt::format(
      "{}: {} bytes for {} rows x {} K blocks are right for {}, but for {} "
      "too, so "
      "the size cannot tell whether the tag is true: set trust_layout = 1 if "
      "whoever wrote the scales says that they are in {}",
      expected.name, scales.bytes, scales.rows_allocated, expected.blocks,
      name(expected.layout), rivals(expected, scales), name(expected.layout)));
}

} // namespace

bool nybl::launch::checkScaleTensor(const ScaleExpectation &expected,
                                    const nybl_scales &scales, Report report) {
  Status tag = checkTag(expected, scales);
  Status rows = checkRowsAllocated(expected, scales);
  bool isTagged = tag.isOk(), hasRows = rows.isOk();
  if (!report(std::move(tag)) || !report(checkTrust(expected, scales)) ||
      !report(std::move(rows)))
    return false;
  int64_t bytes = hasRows ? byteSize(expected.layout, scales.rows_allocated,
                                     expected.blocks)
                          : 0;
  bool fits = hasRows && scales.bytes == uint64_t(bytes);
  if (hasRows && !fits && !report(sizeMismatch(expected, scales, bytes)))
    return false;
  if (!report(checkPointer(expected, scales)))
    return false;
  return !isTagged || !fits || report(checkDecided(expected, scales));
}

Status nybl::launch::checkScaleTensor(const ScaleExpectation &expected,
                                      const nybl_scales &scales) {
  Status first;
  checkScaleTensor(expected, scales, [&](Status status) {
    first = std::move(status);
    return first.isOk();
  });
  return first;
}
