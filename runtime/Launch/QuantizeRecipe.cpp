// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names to checks and slots, and their evaluation, of a quantisation or of what
// undoes it.

#include "runtime/Launch/QuantizeRecipe.h"
#include "runtime/Launch/Scales.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>
#include <optional>

using namespace nybl;
using namespace nybl::launch;

/// Products of rows and strides, which 64 bits may not hold.
__extension__ using Wide = __int128;

namespace nybl::launch {

/// The manifest's words.
struct QuantizeNames {
  using Operand = QuantizeRecipe::Operand;
  using Part = QuantizeRecipe::Part;

  static std::optional<Operand> operand(std::string_view name, bool undoes) {
    const std::pair<std::string_view, Operand> names[] = {
        {undoes ? "y" : "x", Operand::X},
        {"q", Operand::Q},
        {"sfq", Operand::Scales},
        {"global", Operand::Global},
        {"m", Operand::M}};
    for (auto [known, operand] : names)
      if (known == name)
        return operand;
    return std::nullopt;
  }

  static std::optional<Check> check(std::string_view name) {
    constexpr std::pair<std::string_view, Check> names[] = {
        {"alignment", Check::Alignment},
        {"stride_multiple", Check::StrideMultiple},
        {"stride_max", Check::StrideMax},
        {"rows_fit", Check::RowsFit},
        {"scale_bytes", Check::ScaleBytes},
        {"rows_max", Check::RowsMax},
        {"no_overlap", Check::NoOverlap}};
    for (auto [known, check] : names)
      if (known == name)
        return check;
    return std::nullopt;
  }

  /// The part, if a parameter of this type may be it.
  static std::optional<Part> part(Operand operand, std::string_view part,
                                  std::string_view type) {
    bool matrix = QuantizeRecipe::isMatrix(operand);
    bool scalar = operand == Operand::Global;
    if (part.empty() && type == (operand == Operand::M ? "i32" : "pointer"))
      return Part::Itself;
    if (matrix && part == "stride" && type == "i64")
      return Part::Stride;
    if (scalar && part == "value" && type == "f32")
      return Part::Value;
    if (scalar && part == "reciprocal" && type == "i32")
      return Part::Reciprocal;
    return std::nullopt;
  }
};

} // namespace nybl::launch

QuantizeRecipe::View
QuantizeRecipe::viewOf(Operand operand, const nybl_quantize_args &args) const {
  switch (operand) {
  case Operand::X:
    return {undoes ? "y" : "x", args.x.pointer, args.x.bytes,
            args.x.row_stride};
  case Operand::Q:
    return {"q", args.q.pointer, args.q.bytes, args.q.row_stride};
  case Operand::Scales:
    return {"q_scales", args.q_scales.pointer, args.q_scales.bytes, 0};
  case Operand::Global: {
    bool device = args.global.kind == NYBL_SCALAR_DEVICE;
    return {"global", device ? args.global.pointer : 0,
            device ? sizeof(float) : 0, 0};
  }
  case Operand::M:
    break;
  }
  return {"m", 0, 0, 0};
}

bool QuantizeRecipe::applies(Check check, Operand operand) {
  switch (check) {
  case Check::Alignment:
    return operand != Operand::M;
  case Check::StrideMultiple:
  case Check::StrideMax:
  case Check::RowsFit:
    return isMatrix(operand);
  case Check::ScaleBytes:
    return operand == Operand::Scales;
  case Check::RowsMax:
    return operand == Operand::M;
  case Check::NoOverlap:
    return isMatrix(operand) || operand == Operand::Scales;
  case Check::TileBytes: // of workspaces, which these kernels have none of
    return false;
  }
  return false;
}

Expected<QuantizeRecipe> QuantizeRecipe::make(const Manifest &manifest,
                                              const QuantizeProblem &problem) {
  QuantizeRecipe recipe;
  recipe.asked = problem;
  return make(manifest, std::move(recipe));
}

Expected<QuantizeRecipe>
QuantizeRecipe::make(const Manifest &manifest,
                     const DequantizeProblem &problem) {
  QuantizeRecipe recipe;
  recipe.asked.m = problem.m;
  recipe.asked.k = problem.k;
  recipe.asked.x = problem.y;
  recipe.asked.sf = problem.sf;
  recipe.asked.global = problem.global;
  recipe.undoes = true;
  return make(manifest, std::move(recipe));
}

Expected<QuantizeRecipe> QuantizeRecipe::make(const Manifest &manifest,
                                              QuantizeRecipe recipe) {
  recipe.flags = Flags::make(manifest);
  recipe.tileM = manifest.tileM;
  recipe.tileK = manifest.tileN;
  if (recipe.tileM < 1 || recipe.tileK < 1)
    return Status::invalid(
        fmt::format("manifest: expected a tile of at least 1 x 1, got {} x {}",
                    manifest.tileM, manifest.tileN));
  for (const Precondition &precondition : manifest.preconditions)
    if (Status status = recipe.addCondition(precondition); !status)
      return status;
  for (const KernelParameter &parameter : manifest.parameters)
    if (Status status = recipe.addSlot(parameter); !status)
      return status;
  if (Status status = recipe.requireChecks(); !status)
    return status;
  return recipe;
}

Status QuantizeRecipe::addCondition(const Precondition &precondition) {
  auto check = QuantizeNames::check(precondition.check);
  auto operand = QuantizeNames::operand(precondition.operand, undoes);
  if (!check || !operand || !applies(*check, *operand) ||
      precondition.value < 0)
    return Status::invalid(fmt::format(
        "manifest: precondition '{}' of operand '{}' with value {} is not "
        "understood, so it cannot be checked: rebuild the artefact, or update "
        "Nybl",
        precondition.check, precondition.operand, precondition.value));
  conditions.push_back({*check, *operand, precondition.value});
  return Status::ok();
}

Status QuantizeRecipe::addSlot(const KernelParameter &parameter) {
  std::string_view source = parameter.source;
  size_t dot = source.find('.');
  auto operand = QuantizeNames::operand(source.substr(0, dot), undoes);
  std::optional<Part> part;
  if (operand)
    part = QuantizeNames::part(*operand,
                               dot == source.npos ? std::string_view()
                                                  : source.substr(dot + 1),
                               parameter.type);
  if (!part || slots.size() >= ParameterBlock::capacity)
    return Status::invalid(fmt::format("manifest: kernel parameter {} ('{}' as "
                                       "{}) is not understood: rebuild the "
                                       "artefact, or update Nybl",
                                       slots.size(), parameter.source,
                                       parameter.type));
  if (*operand == Operand::M) // what does not fit must not be cut off
    conditions.push_back({Check::RowsMax, *operand, INT32_MAX});
  slots.push_back({*operand, *part});
  return Status::ok();
}

/// Without these a launch could touch memory that nobody promised.
Status QuantizeRecipe::requireChecks() const {
  for (Operand operand : {Operand::X, Operand::Q})
    if (std::none_of(conditions.begin(), conditions.end(),
                     [&](const Condition &c) {
                       return c.check == Check::RowsFit && c.operand == operand;
                     }))
      return Status::invalid(
          fmt::format("manifest: expected a precondition 'rows_fit' of operand "
                      "'{}', got none",
                      operand == Operand::Q ? "q"
                      : undoes              ? "y"
                                            : "x"));
  return Status::ok();
}

static Status checkPointer(const char *field, uint64_t pointer,
                           uint64_t bytes) {
  if (pointer != 0 && pointer + bytes >= pointer)
    return Status::ok();
  return Status::refused(fmt::format("{}.pointer: expected a device address "
                                     "with {} bytes behind it, got {:#x}",
                                     field, bytes, pointer));
}

/// Tells `report` of each check, until it returns false.
void QuantizeRecipe::checkEach(const nybl_quantize_args &args,
                               Report report) const {
  if (!report(checkRows(asked.m, args.m)) || args.m <= 0)
    return;
  for (Operand operand : {Operand::X, Operand::Q}) {
    View view = viewOf(operand, args);
    if (!report(checkPointer(view.field, view.pointer, view.bytes)))
      return;
  }
  if (!checkScales(args, report) || !checkGlobal(args.global, report) ||
      !report(flags.check(args.flags)))
    return;
  for (const Condition &condition : conditions)
    if (!report(evaluate(condition, args)))
      return;
}

Status QuantizeRecipe::check(const nybl_quantize_args &args) const {
  return firstFailure([&](Report report) { checkEach(args, report); });
}

std::vector<Status>
QuantizeRecipe::faults(const nybl_quantize_args &args) const {
  return allFailures([&](Report report) { checkEach(args, report); });
}

/// A layout that is ours to write needs no trust: the tag must only be the one
/// that the problem states, and the tensor as large.
bool QuantizeRecipe::checkScales(const nybl_quantize_args &args,
                                 Report report) const {
  nybl_scales scales = args.q_scales;
  if (!undoes && scales.trust_layout == 0)
    scales.trust_layout = 1;
  return checkScaleTensor({"q_scales", asked.sf, args.m, asked.blocks()},
                          scales, report);
}

static const char *nameOf(uint32_t convention) {
  return convention == NYBL_CONVENTION_DECODE   ? "decode (amax / 2688)"
         : convention == NYBL_CONVENTION_ENCODE ? "encode (2688 / amax)"
                                                : "neither";
}

bool nybl::launch::isUsableGlobal(float value) {
  return value > 0 && std::isnormal(value) && std::isnormal(1 / value);
}

/// Of a global scale that there must be.
static Status checkGlobalValue(const nybl_scalar &global) {
  if (global.kind == NYBL_SCALAR_DEVICE)
    return global.pointer != 0
               ? Status::ok()
               : Status::refused("global.pointer: expected the address of one "
                                 "f32 in device memory, got 0");
  if (global.kind != NYBL_SCALAR_HOST || isUsableGlobal(global.value))
    return Status::ok();
  return Status::refused(fmt::format(
      "global.value: expected a positive normal number with a normal "
      "reciprocal, got {}: a global scale like that makes every scale factor "
      "NaN or 0",
      global.value));
}

bool QuantizeRecipe::checkGlobal(const nybl_scalar &global,
                                 Report report) const {
  if (asked.global == GlobalKind::None)
    return global.kind == NYBL_SCALAR_NONE ||
           report(Status::refused(fmt::format(
               "global.kind: expected 0 (none), since the problem says "
               "global=none, got {}",
               global.kind)));
  if (global.reserved != 0 &&
      !report(Status::refused(
          fmt::format("global.reserved: expected 0, got {}", global.reserved))))
    return false;
  if (global.kind != NYBL_SCALAR_DEVICE && global.kind != NYBL_SCALAR_HOST &&
      !report(Status::refused(fmt::format(
          "global.kind: expected 1 (device pointer) or 2 (host value), since "
          "the problem says global={}, got {}",
          name(asked.global), global.kind))))
    return false;
  uint32_t wanted = asked.global == GlobalKind::Decode ? NYBL_CONVENTION_DECODE
                                                       : NYBL_CONVENTION_ENCODE;
  if (global.convention != wanted &&
      !report(Status::refused(fmt::format(
          "global.convention: expected {} ({}), which the problem states, got "
          "{} ({})",
          wanted, nameOf(wanted), global.convention,
          nameOf(global.convention)))))
    return false;
  return report(checkGlobalValue(global));
}

Status QuantizeRecipe::checkFit(const View &view, int64_t rowBytes,
                                int64_t rows) const {
  if (view.stride < rowBytes)
    return Status::refused(fmt::format(
        "{}.row_stride: expected at least {}, the bytes of a row, got {}",
        view.field, rowBytes, view.stride));
  Wide needed = Wide(rows - 1) * view.stride + rowBytes;
  if (Wide(view.bytes) >= needed)
    return Status::ok();
  bool printable = needed <= Wide(INT64_MAX);
  return Status::refused(fmt::format(
      "{}.bytes: expected at least {} for {} rows of {} bytes at a stride of "
      "{}, got {}",
      view.field, printable ? std::to_string(int64_t(needed)) : "2^63", rows,
      rowBytes, view.stride, view.bytes));
}

/// By whole ranges, with inputs and with the other output.
Status QuantizeRecipe::checkOverlap(Operand output,
                                    const nybl_quantize_args &args) const {
  View out = viewOf(output, args);
  for (Operand other :
       {Operand::X, Operand::Q, Operand::Scales, Operand::Global}) {
    View view = viewOf(other, args);
    if (other == output || view.bytes == 0 ||
        view.pointer >= out.pointer + out.bytes ||
        out.pointer >= view.pointer + view.bytes)
      continue;
    return Status::refused(
        fmt::format("{}: expected an output that overlaps no other operand, "
                    "but its {} bytes at {:#x} meet the {} bytes of {} at "
                    "{:#x}",
                    out.field, out.bytes, out.pointer, view.bytes, view.field,
                    view.pointer));
  }
  return Status::ok();
}

Status QuantizeRecipe::evaluate(const Condition &condition,
                                const nybl_quantize_args &args) const {
  View view = viewOf(condition.operand, args);
  int64_t value = condition.value;
  switch (condition.check) {
  case Check::Alignment:
    if (value > 1 && view.pointer % uint64_t(value) != 0)
      return Status::refused(
          fmt::format("{}.pointer: expected a multiple of {} bytes, got {:#x}",
                      view.field, value, view.pointer));
    break;
  case Check::StrideMultiple:
    if (value > 1 && view.stride % value != 0)
      return Status::refused(
          fmt::format("{}.row_stride: expected a multiple of {} bytes, got {}",
                      view.field, value, view.stride));
    break;
  case Check::StrideMax:
    if (view.stride > value)
      return Status::refused(
          fmt::format("{}.row_stride: expected at most {} bytes, got {}",
                      view.field, value, view.stride));
    break;
  case Check::RowsFit:
    return checkFit(view, value, args.m);
  case Check::RowsMax:
    if (args.m > value)
      return Status::refused(fmt::format(
          "m: expected at most {} rows, what the certificate holds for, got {}",
          value, args.m));
    break;
  case Check::NoOverlap:
    return checkOverlap(condition.operand, args);
  case Check::ScaleBytes: // always checked, with the tag
  case Check::TileBytes:
    break;
  }
  return Status::ok();
}

uint64_t QuantizeRecipe::bitsOf(const Slot &slot,
                                const nybl_quantize_args &args) const {
  switch (slot.part) {
  case Part::Stride:
    return uint64_t(viewOf(slot.operand, args).stride);
  case Part::Value:
    return std::bit_cast<uint32_t>(
        args.global.kind == NYBL_SCALAR_HOST ? args.global.value : 1.0f);
  case Part::Reciprocal: // E is what is computed with, and 1 / E to undo it
    return asked.global == (undoes ? GlobalKind::Encode : GlobalKind::Decode);
  case Part::Itself:
    break;
  }
  return slot.operand == Operand::M ? uint64_t(args.m)
                                    : viewOf(slot.operand, args).pointer;
}

void QuantizeRecipe::pack(const nybl_quantize_args &args,
                          ParameterBlock &block) const {
  for (const Slot &slot : slots)
    block.push(bitsOf(slot, args));
}

int64_t QuantizeRecipe::tiles(int64_t m) const {
  Wide count =
      (Wide(m) + tileM - 1) / tileM * ((Wide(asked.k) + tileK - 1) / tileK);
  return count > Wide(INT64_MAX) ? INT64_MAX : int64_t(count);
}
