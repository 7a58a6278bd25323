// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From names to a list of checks and slots, and their evaluation.

#include "runtime/Launch/Recipe.h"
#include "runtime/Abi/FreeSizes.h"
#include "runtime/Launch/Scales.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>
#include <optional>

using namespace nybl;
using namespace nybl::launch;

namespace {

/// Products of rows and strides, which 64 bits may not hold.
__extension__ using Wide = __int128;

template <typename T>
struct Named {
  std::string_view name;
  T value;
};

constexpr Named<Operand> operands[] = {
    {"a", Operand::A}, {"sfa", Operand::ScalesA},
    {"b", Operand::B}, {"sfb", Operand::ScalesB},
    {"d", Operand::D}, {"alpha", Operand::Alpha},
    {"m", Operand::M}, {Workspace::name, Operand::Workspace}};

constexpr Named<Check> checks[] = {{"tile_bytes", Check::TileBytes},
                                   {"alignment", Check::Alignment},
                                   {"stride_multiple", Check::StrideMultiple},
                                   {"stride_max", Check::StrideMax},
                                   {"rows_fit", Check::RowsFit},
                                   {"scale_bytes", Check::ScaleBytes},
                                   {"rows_max", Check::RowsMax},
                                   {"no_overlap", Check::NoOverlap}};

constexpr Named<int> parameterTypes[] = {
    {"pointer", 8},
    {"i64", 8},
    {"i32", 4},
    {"f32", 4},
    {"tensor_map", int(sizeof(CUtensorMap))}};

template <typename T, size_t n>
std::optional<T> find(const Named<T> (&table)[n], std::string_view name) {
  for (const Named<T> &entry : table)
    if (entry.name == name)
      return entry.value;
  return std::nullopt;
}

/// The fields' names in nybl_gemm_args, for messages.
const char *fieldName(Operand operand) {
  switch (operand) {
  case Operand::A:
    return "a";
  case Operand::ScalesA:
    return "a_scales";
  case Operand::B:
    return "b";
  case Operand::ScalesB:
    return "b_scales";
  case Operand::D:
    return "d";
  case Operand::Alpha:
    return "alpha";
  case Operand::Workspace:
    return Workspace::name;
  case Operand::M:
    break;
  }
  return "m";
}

const nybl_matrix *matrixOf(Operand operand, const nybl_gemm_args &args) {
  switch (operand) {
  case Operand::A:
    return &args.a;
  case Operand::B:
    return &args.b;
  case Operand::D:
    return &args.d;
  default:
    return nullptr;
  }
}

uint64_t pointerOf(Operand operand, const nybl_gemm_args &args) {
  switch (operand) {
  case Operand::ScalesA:
    return args.a_scales.pointer;
  case Operand::ScalesB:
    return args.b_scales.pointer;
  case Operand::Alpha:
    return args.alpha.kind == NYBL_SCALAR_DEVICE ? args.alpha.pointer : 0;
  case Operand::Workspace:
    return args.workspace;
  default: {
    const nybl_matrix *matrix = matrixOf(operand, args);
    return matrix ? matrix->pointer : 0;
  }
  }
}

uint64_t bytesOf(Operand operand, const nybl_gemm_args &args) {
  switch (operand) {
  case Operand::ScalesA:
    return args.a_scales.bytes;
  case Operand::ScalesB:
    return args.b_scales.bytes;
  case Operand::Alpha:
    return args.alpha.kind == NYBL_SCALAR_DEVICE ? sizeof(float) : 0;
  default: {
    const nybl_matrix *matrix = matrixOf(operand, args);
    return matrix ? matrix->bytes : 0;
  }
  }
}

/// Units are powers of two, and divisions are what a launch has no time for.
bool isMultiple(uint64_t value, int64_t unit) {
  auto of = static_cast<uint64_t>(unit);
  return unit <= 1 ||
         (std::has_single_bit(of) ? value & (of - 1) : value % of) == 0;
}

/// Without the sum that may not fit.
int64_t ceilDiv(int64_t count, int64_t size) {
  return count / size + (count % size != 0);
}

/// From the first to the last byte of so many rows.
Wide bytesNeeded(const nybl_matrix &matrix, int64_t rows, int64_t rowBytes) {
  return Wide(rows - 1) * matrix.row_stride + rowBytes;
}

bool isMatrix(Operand operand) {
  return operand == Operand::A || operand == Operand::B ||
         operand == Operand::D;
}

/// Which operands a check can be asked of.
bool applies(Check check, Operand operand) {
  if (operand == Operand::Workspace)
    return check == Check::Alignment || check == Check::NoOverlap ||
           check == Check::TileBytes;
  switch (check) {
  case Check::Alignment:
    return operand != Operand::M;
  case Check::StrideMultiple:
  case Check::StrideMax:
  case Check::RowsFit:
    return isMatrix(operand);
  case Check::ScaleBytes:
    return operand == Operand::ScalesA || operand == Operand::ScalesB;
  case Check::RowsMax:
    return operand == Operand::M;
  case Check::NoOverlap:
    return operand == Operand::D;
  case Check::TileBytes:
    return false;
  }
  return false;
}

/// The input that D shares bytes with, by whole ranges: a D interleaved with an
/// input counts.
std::optional<Operand> overlapping(const nybl_gemm_args &args) {
  for (Operand input : {Operand::A, Operand::ScalesA, Operand::B,
                        Operand::ScalesB, Operand::Alpha}) {
    uint64_t begin = pointerOf(input, args), size = bytesOf(input, args);
    if (size != 0 && begin < args.d.pointer + args.d.bytes &&
        args.d.pointer < begin + size)
      return input;
  }
  return std::nullopt;
}

Status refusedOverlap(const nybl_gemm_args &args) {
  Operand input = *overlapping(args);
  return Status::refused(fmt::format(
      "d: expected an output that overlaps no input, but its {} bytes at {:#x} "
      "meet the {} bytes of {} at {:#x}",
      args.d.bytes, args.d.pointer, bytesOf(input, args), fieldName(input),
      pointerOf(input, args)));
}

Status checkMatrixPointer(Operand operand, const nybl_matrix &matrix) {
  if (matrix.pointer != 0 && matrix.pointer + matrix.bytes >= matrix.pointer)
    return Status::ok();
  return Status::refused(fmt::format("{}.pointer: expected a device address "
                                     "with {} bytes behind it, got {:#x}",
                                     fieldName(operand), matrix.bytes,
                                     matrix.pointer));
}

Status checkHostScalar(float value) {
  if (std::isfinite(value) && value != 0 && std::isfinite(1 / value))
    return Status::ok();
  return Status::refused(fmt::format("alpha.value: expected a finite, non-zero "
                                     "number with a finite reciprocal, "
                                     "got {}: a global scale like that makes "
                                     "every output NaN, infinite or zero",
                                     value));
}

} // namespace

Expected<Recipe> Recipe::make(const Manifest &manifest,
                              const GemmProblem &problem) {
  if (Status status = checkSizes(manifest, problem); !status)
    return status;
  Recipe recipe;
  recipe.asked = problem;
  recipe.tileM = manifest.tileM;
  recipe.tileN = manifest.tileN;
  recipe.split = manifest.split;
  if (recipe.tileM < 1 || recipe.tileN < 1)
    return Status::invalid(
        fmt::format("manifest: expected a tile of at least 1 x 1, got {} x {}",
                    manifest.tileM, manifest.tileN));
  recipe.tileColumns = ceilDiv(problem.n, recipe.tileN);
  for (const Precondition &precondition : manifest.preconditions)
    if (auto bound = bindSizes(precondition, problem))
      if (Status status = recipe.addCondition(*bound); !status)
        return status;
  if (Status status = recipe.addMaps(manifest); !status)
    return status;
  auto workspace = Workspace::make(manifest);
  if (!workspace)
    return workspace.status();
  recipe.workspace = *workspace;
  recipe.flags = Flags::make(manifest);
  for (const KernelParameter &parameter : manifest.parameters)
    if (Status status = recipe.addSlot(parameter); !status)
      return status;
  if (Status status = recipe.requireChecks(); !status)
    return status;
  return recipe;
}

Status Recipe::addCondition(const Precondition &precondition) {
  auto check = find(checks, precondition.check);
  auto operand = find(operands, precondition.operand);
  if (!check || !operand || !applies(*check, *operand) ||
      precondition.value < 0)
    return Status::invalid(fmt::format(
        "manifest: precondition '{}' of operand '{}' with value {} is not "
        "understood, so it cannot be checked: rebuild the artefact, or update "
        "Nybl",
        precondition.check, precondition.operand, precondition.value));
  if (*operand != Operand::Workspace) // Workspace::make
    conditions.push_back({*check, *operand, precondition.value});
  return Status::ok();
}

/// False where the parameter is none that follows from N and K, or would not
/// hold it.
bool Recipe::addSize(const KernelParameter &parameter) {
  auto size = sizeFrom(parameter.source, asked);
  const char *type = parameter.source.ends_with(".tile_stride") ? "i64" : "i32";
  if (!size || parameter.type != type ||
      slots.size() >= ParameterBlock::capacity)
    return false;
  slots.push_back({Source::Size, Operand::M, *size});
  return true;
}

Status Recipe::addSlot(const KernelParameter &parameter) {
  if (addSize(parameter))
    return Status::ok();
  std::string_view source = parameter.source;
  auto bytes = find(parameterTypes, parameter.type);
  size_t dot = source.find('.');
  auto operand = find(operands, source.substr(0, dot));
  std::string_view part =
      dot == source.npos ? std::string_view() : source.substr(dot + 1);
  std::optional<Source> what;
  if (operand && dot == source.npos)
    what = *operand == Operand::M ? Source::Rows : Source::Pointer;
  else if (operand && isMatrix(*operand) && part == "stride")
    what = Source::Stride;
  else if (operand && isMatrix(*operand) && part == "map")
    what = Source::Map;
  else if (operand == Operand::Alpha && part == "value")
    what = Source::Value;
  else if (operand == Operand::Alpha && part == "reciprocal")
    what = Source::Reciprocal;
  bool fits = what && bytes &&
              (*what == Source::Pointer) == (parameter.type == "pointer") &&
              (*what == Source::Value) == (parameter.type == "f32") &&
              (*what == Source::Map) == (parameter.type == "tensor_map") &&
              slots.size() < ParameterBlock::capacity;
  if (!fits)
    return Status::invalid(fmt::format("manifest: kernel parameter {} ('{}' as "
                                       "{}) is not understood: rebuild the "
                                       "artefact, or update Nybl",
                                       slots.size(), parameter.source,
                                       parameter.type));
  // What does not fit the parameter must not be cut off.
  if (*bytes == 4 && *what == Source::Rows)
    conditions.push_back({Check::RowsMax, *operand, INT32_MAX});
  if (*bytes == 4 && *what == Source::Stride)
    conditions.push_back({Check::StrideMax, *operand, INT32_MAX});
  slots.push_back({*what, *operand});
  return Status::ok();
}

Status Recipe::addMaps(const Manifest &manifest) {
  if (Status status = checkTensorMaps(manifest); !status)
    return status;
  for (const TensorMap &map : manifest.tensorMaps) {
    Operand operand = *find(operands, map.operand);
    int64_t rowBytes =
        operand == Operand::D ? asked.n * byteWidth(asked.d) : asked.k / 2;
    maps.push_back({operand, MapShape::make(map, fieldName(operand), rowBytes),
                    std::make_shared<MapMemory>()});
  }
  return Status::ok();
}

/// Whether one of the conditions of that kind is enough.
template <typename Enough>
bool Recipe::demands(Check check, Operand operand, Enough enough) const {
  return std::any_of(
      conditions.begin(), conditions.end(), [&](const Condition &c) {
        return c.check == check && c.operand == operand && enough(c.value);
      });
}

/// Without these a launch could touch memory that nobody promised.
Status Recipe::requireChecks() const {
  for (Operand operand : {Operand::A, Operand::B, Operand::D})
    if (!demands(Check::RowsFit, operand, [](int64_t) { return true; }))
      return Status::invalid(fmt::format("manifest: expected a precondition "
                                         "'rows_fit' of operand '{}', got none",
                                         fieldName(operand)));
  for (const Map &map : maps)
    if (Status status = requireMapChecks(map); !status)
      return status;
  return Status::ok();
}

/// What cuTensorMapEncodeTiled asks for (CUDA driver API, "Tensor Map Object
/// Management"), so that no launch fails there, and that the whole map lies in
/// the operand's buffer.
Status Recipe::requireMapChecks(const Map &map) const {
  auto units = [](int64_t value) { return value > 0 && value % 16 == 0; };
  auto most = [](int64_t bound) {
    return [=](int64_t value) { return value <= bound; };
  };
  auto whole = [&](int64_t value) { return value >= map.shape.rowBytes; };
  constexpr int64_t extent = int64_t(1) << 32, stride = int64_t(1) << 40;
  Operand operand = map.operand;
  auto lacks = [&](const char *what) {
    return Status::invalid(
        fmt::format("manifest: expected a precondition {}, since operand '{}' "
                    "has a tensor map, got none",
                    what, fieldName(operand)));
  };
  if (!demands(Check::Alignment, operand, units))
    return lacks("'alignment' of it with a multiple of 16");
  if (!demands(Check::StrideMultiple, operand, units))
    return lacks("'stride_multiple' of it with a multiple of 16");
  if (!demands(Check::StrideMax, operand, most(stride - 1)))
    return lacks("'stride_max' of it below 2^40");
  if (!demands(Check::RowsFit, operand, whole))
    return lacks("'rows_fit' of it with all bytes of a row");
  if (operand != Operand::B &&
      !demands(Check::RowsMax, Operand::M, most(extent)))
    return lacks("'rows_max' of 'm' of at most 2^32");
  // B's rows are N, which a problem keeps below 2^31.
  if (map.shape.rowBytes <= extent)
    return Status::ok();
  return Status::invalid(fmt::format(
      "manifest: operand '{}' has a tensor map: expected rows of at most 2^32 "
      "bytes, got {}",
      fieldName(operand), map.shape.rowBytes));
}

Status nybl::launch::checkRows(const Extent &range, int64_t m) {
  if (m < 0)
    return Status::refused(
        fmt::format("m: expected at least 0 rows, got {}", m));
  if (range.contains(m))
    return Status::ok();
  return Status::refused(fmt::format(
      "m: expected {} to {} rows, the range this plan was prepared for, got {}",
      range.low,
      range.high == Extent::unbounded ? std::string("any number of")
                                      : std::to_string(range.high),
      m));
}

/// Tells `report` of each check, until it returns false.
void Recipe::checkEach(const nybl_gemm_args &args, Report report) const {
  if (!report(checkRows(asked.m, args.m)) || args.m < 0 || tiles(args.m) == 0)
    return;
  for (Operand operand : {Operand::A, Operand::B, Operand::D})
    if (!report(checkMatrixPointer(operand, *matrixOf(operand, args))))
      return;
  for (Operand operand : {Operand::ScalesA, Operand::ScalesB})
    if (!checkScales(operand, args, report))
      return;
  if (!checkAlpha(args.alpha, report) || !checkWorkspace(args, report) ||
      !report(flags.check(args.flags)))
    return;
  for (const Condition &condition : conditions)
    if (!holds(condition, args) && !report(refusal(condition, args)))
      return;
}

Status Recipe::check(const nybl_gemm_args &args) const {
  return firstFailure([&](Report report) { checkEach(args, report); });
}

std::vector<Status> Recipe::faults(const nybl_gemm_args &args) const {
  return allFailures([&](Report report) { checkEach(args, report); });
}

bool Recipe::checkScales(Operand operand, const nybl_gemm_args &args,
                         Report report) const {
  bool isA = operand == Operand::ScalesA;
  ScaleExpectation expected{fieldName(operand), isA ? asked.sfa : asked.sfb,
                            isA ? args.m : asked.n, asked.blocks()};
  return checkScaleTensor(expected, isA ? args.a_scales : args.b_scales,
                          report);
}

bool Recipe::checkAlpha(const nybl_scalar &alpha, Report report) const {
  if (asked.alpha == AlphaKind::None)
    return alpha.kind == NYBL_SCALAR_NONE ||
           report(Status::refused(
               fmt::format("alpha.kind: expected 0 (none), since the problem "
                           "says alpha=none, got {}",
                           alpha.kind)));
  if (alpha.reserved != 0 &&
      !report(Status::refused(
          fmt::format("alpha.reserved: expected 0, got {}", alpha.reserved))))
    return false;
  bool onHost = alpha.kind == NYBL_SCALAR_HOST,
       onDevice = alpha.kind == NYBL_SCALAR_DEVICE;
  if (!onHost && !onDevice &&
      !report(Status::refused(fmt::format(
          "alpha.kind: expected 1 (device pointer) or 2 (host value), since "
          "the problem says alpha=tensor, got {}",
          alpha.kind))))
    return false;
  if (alpha.convention != NYBL_CONVENTION_DECODE &&
      alpha.convention != NYBL_CONVENTION_ENCODE &&
      !report(Status::refused(
          fmt::format("alpha.convention: expected 1 (decode: the product is "
                      "multiplied by it) or 2 (encode: divided by it), got {}",
                      alpha.convention))))
    return false;
  if (onHost)
    return report(checkHostScalar(alpha.value));
  bool isAddress = alpha.pointer != 0 && alpha.pointer % sizeof(float) == 0;
  return !onDevice || isAddress ||
         report(Status::refused(fmt::format(
             "alpha.pointer: expected the address of one f32 in device "
             "memory, a multiple of 4, got {:#x}",
             alpha.pointer)));
}

/// No text is made here: every launch comes this way.
bool Recipe::holds(const Condition &condition,
                   const nybl_gemm_args &args) const {
  const nybl_matrix *matrix = matrixOf(condition.operand, args);
  switch (condition.check) {
  case Check::Alignment:
    return isMultiple(pointerOf(condition.operand, args), condition.value);
  case Check::StrideMultiple:
    return isMultiple(uint64_t(matrix->row_stride), condition.value);
  case Check::StrideMax:
    return matrix->row_stride <= condition.value;
  case Check::RowsFit:
    return matrix->row_stride >= condition.value &&
           Wide(matrix->bytes) >= bytesNeeded(*matrix,
                                              rowsOf(condition.operand, args),
                                              condition.value);
  case Check::RowsMax:
    return args.m <= condition.value;
  case Check::NoOverlap:
    return !overlapping(args);
  case Check::ScaleBytes: // always checked, with the tag
  case Check::TileBytes:  // checkWorkspace
    break;
  }
  return true;
}

/// Of a condition that does not hold.
Status Recipe::refusal(const Condition &condition,
                       const nybl_gemm_args &args) const {
  const char *field = fieldName(condition.operand);
  const nybl_matrix *matrix = matrixOf(condition.operand, args);
  switch (condition.check) {
  case Check::Alignment:
    return Status::refused(fmt::format(
        "{}.pointer: expected a multiple of {} bytes, got {:#x}", field,
        condition.value, pointerOf(condition.operand, args)));
  case Check::StrideMultiple:
    return Status::refused(
        fmt::format("{}.row_stride: expected a multiple of {} bytes, got {}",
                    field, condition.value, matrix->row_stride));
  case Check::StrideMax:
    return Status::refused(
        fmt::format("{}.row_stride: expected at most {} bytes, got {}", field,
                    condition.value, matrix->row_stride));
  case Check::RowsFit:
    return refusedFit(condition, args);
  case Check::RowsMax:
    return Status::refused(fmt::format(
        "m: expected at most {} rows, what the certificate holds for, got {}",
        condition.value, args.m));
  case Check::NoOverlap:
  case Check::ScaleBytes:
  case Check::TileBytes:
    break;
  }
  return refusedOverlap(args);
}

Status Recipe::refusedFit(const Condition &condition,
                          const nybl_gemm_args &args) const {
  const char *field = fieldName(condition.operand);
  const nybl_matrix &matrix = *matrixOf(condition.operand, args);
  if (matrix.row_stride < condition.value)
    return Status::refused(fmt::format(
        "{}.row_stride: expected at least {}, the bytes of a row, got {}",
        field, condition.value, matrix.row_stride));
  int64_t rows = rowsOf(condition.operand, args);
  Wide needed = bytesNeeded(matrix, rows, condition.value);
  bool printable = needed <= Wide(INT64_MAX);
  return Status::refused(
      fmt::format("{}.bytes: expected at least {} for {} rows of {} bytes at a "
                  "stride of {}, "
                  "got {}",
                  field, printable ? std::to_string(int64_t(needed)) : "2^63",
                  rows, condition.value, matrix.row_stride, matrix.bytes));
}

bool Recipe::checkWorkspace(const nybl_gemm_args &args, Report report) const {
  if (!report(
          workspace.check(args.workspace, args.workspace_bytes, tiles(args.m))))
    return false;
  if (!workspace.isNeeded())
    return true;
  for (Operand operand : {Operand::A, Operand::ScalesA, Operand::B,
                          Operand::ScalesB, Operand::D, Operand::Alpha})
    if (!report(
            checkApart({Workspace::name, args.workspace, args.workspace_bytes},
                       {fieldName(operand), pointerOf(operand, args),
                        bytesOf(operand, args)})))
      return false;
  return true;
}

/// Of a matrix.
int64_t Recipe::rowsOf(Operand operand, const nybl_gemm_args &args) const {
  return operand == Operand::B ? asked.n : args.m;
}

int64_t Recipe::tiles(int64_t m) const {
  Wide count = Wide(ceilDiv(m, tileM)) * tileColumns;
  return count > Wide(INT64_MAX) ? INT64_MAX : int64_t(count);
}

int64_t Recipe::tasks(int64_t m) const {
  Wide count = Wide(tiles(m)) * split;
  return count > Wide(INT64_MAX) ? INT64_MAX : int64_t(count);
}

Expected<uint64_t> Recipe::workspaceBytes(int64_t m) const {
  if (Status status = checkRows(asked.m, m); !status)
    return status;
  return workspace.bytesFor(tiles(m));
}

uint64_t Recipe::bitsOf(const Slot &slot, const nybl_gemm_args &args) const {
  bool hasAlpha = asked.alpha != AlphaKind::None;
  switch (slot.source) {
  case Source::Pointer:
    return pointerOf(slot.operand, args);
  case Source::Stride:
    return uint64_t(matrixOf(slot.operand, args)->row_stride);
  case Source::Value:
    return std::bit_cast<uint32_t>(
        hasAlpha && args.alpha.kind == NYBL_SCALAR_HOST ? args.alpha.value
                                                        : 1.0f);
  case Source::Reciprocal:
    return hasAlpha && args.alpha.convention == NYBL_CONVENTION_ENCODE;
  case Source::Size:
    return uint64_t(slot.size);
  case Source::Rows:
  case Source::Map: // encodeMap
    break;
  }
  return uint64_t(args.m);
}

Status Recipe::encodeMap(Operand operand, const nybl_gemm_args &args,
                         const driver::Driver &api, CUtensorMap &to) const {
  auto map = std::find_if(maps.begin(), maps.end(),
                          [&](const Map &m) { return m.operand == operand; });
  const nybl_matrix &matrix = *matrixOf(operand, args);
  int64_t rows = rowsOf(operand, args);
  MapMemory::Key key{matrix.pointer, uint64_t(matrix.row_stride),
                     uint64_t(rows)};
  if (map->memory->find(key, to))
    return Status::ok();
  Status status = map->shape.encode(api, matrix, rows, to);
  if (status)
    map->memory->keep(key, to);
  return status;
}

Status Recipe::pack(const nybl_gemm_args &args, const driver::Driver &api,
                    ParameterBlock &block) const {
  for (const Slot &slot : slots) {
    if (slot.source != Source::Map)
      block.push(bitsOf(slot, args));
    else if (Status status =
                 encodeMap(slot.operand, args, api, block.pushMap());
             !status)
      return status;
  }
  return Status::ok();
}
