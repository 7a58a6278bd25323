// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration of the Cta dialect and its generated definitions.

#include "dialects/Cta/CtaOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "runtime/Abi/ScaleLayout.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl::cta;

FailureOr<int64_t> nybl::cta::parseRows(AsmParser &parser) {
  if (succeeded(parser.parseOptionalQuestion()))
    return dynamicRows;
  int64_t rows = 0;
  if (parser.parseInteger(rows))
    return failure();
  return rows;
}

void nybl::cta::printRows(AsmPrinter &printer, int64_t rows) {
  if (rows == dynamicRows)
    printer << "?";
  else
    printer << rows;
}

FailureOr<int64_t> nybl::cta::parseRowBytes(AsmParser &parser) {
  int64_t bytes = 0;
  SMLoc at = parser.getCurrentLocation();
  bool isFree = succeeded(parser.parseOptionalQuestion());
  if ((isFree && parser.parseKeyword("x")) || parser.parseInteger(bytes))
    return failure();
  if (bytes > 0)
    return isFree ? -bytes : bytes;
  return parser.emitError(at, "expected a positive number of bytes");
}

void nybl::cta::printRowBytes(AsmPrinter &printer, int64_t bytes) {
  if (bytes < 0)
    printer << "? x " << -bytes;
  else
    printer << bytes;
}

//===----------------------------------------------------------------------===//
// Verifiers of types and attributes
//===----------------------------------------------------------------------===//

using EmitError = function_ref<InFlightDiagnostic()>;

constexpr int64_t maxCount = std::numeric_limits<int32_t>::max();

static LogicalResult verifyCount(EmitError emitError, StringRef what,
                                 int64_t count, int64_t max = maxCount) {
  if (count >= 1 && count <= max)
    return success();
  return emitError() << "expected " << what << " from 1 to " << max << ", got "
                     << count;
}

static LogicalResult verifyRows(EmitError emitError, int64_t rows) {
  return success(rows == dynamicRows ||
                 succeeded(verifyCount(emitError, "? or rows", rows)));
}

LogicalResult MatrixType::verify(EmitError emitError, int64_t rows,
                                 int64_t rowBytes) {
  if (failed(verifyRows(emitError, rows)))
    return failure();
  // No element has more than 16 bytes, and no K block of them.
  if (rowBytes < 0)
    return verifyCount(emitError, "bytes of what is free", -rowBytes, 16);
  return verifyCount(emitError, "bytes of a row", rowBytes, 16 * maxCount);
}

LogicalResult ScalesType::verify(EmitError emitError, int64_t rows,
                                 int64_t blocks, StringAttr layout) {
  if (failed(verifyRows(emitError, rows)) ||
      (!ShapedType::isDynamic(blocks) &&
       failed(verifyCount(emitError, "K blocks", blocks))))
    return failure();
  if (auto known = nybl::parseScaleLayout(layout.getValue()); !known)
    return emitError() << known.message();
  return success();
}

/// More than any chip's shared memory: stages are tabled byte by byte.
static constexpr int64_t maxStageBytes = 1 << 20;

LogicalResult StageType::verify(EmitError emitError, int64_t bytes) {
  return verifyCount(emitError, "bytes of a stage", bytes, maxStageBytes);
}

LogicalResult ScaleStageType::verify(EmitError emitError, int64_t bytes) {
  return verifyCount(emitError, "bytes of a stage", bytes, maxStageBytes);
}

LogicalResult OutputStageType::verify(EmitError emitError, int64_t bytes) {
  return verifyCount(emitError, "bytes of a stage", bytes, maxStageBytes);
}

/// What a swizzle repeats after is 8 rows of a box whose rows are as wide.
LogicalResult TensorMapType::verify(EmitError emitError, int64_t rows,
                                    int64_t bytes) {
  if (rows >= 8 && rows <= 256 && rows % 8 == 0 &&
      (bytes == 32 || bytes == 64 || bytes == 128))
    return success();
  return emitError() << "expected 8 to 256 rows, a multiple of 8, of 32, 64 or "
                        "128 bytes, got "
                     << rows << " of " << bytes;
}

static ParseResult parseNumbers(AsmParser &parser, StringRef key,
                                SmallVector<int64_t> &numbers) {
  auto parseNumber = [&] {
    return parser.parseInteger(numbers.emplace_back());
  };
  return failure(parser.parseComma() || parser.parseKeyword(key) ||
                 parser.parseEqual() ||
                 parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                                parseNumber));
}

Attribute ScheduleAttr::parse(AsmParser &parser, Type) {
  StringAttr kind, fill, store, swap, scheduler;
  SmallVector<int64_t> tile, warps;
  int64_t stages = 1, split = 1, group = 1, ctas = 1;
  if (parser.parseLess() || parser.parseAttribute(kind) ||
      parseNumbers(parser, "tile", tile) ||
      parseNumbers(parser, "warps", warps))
    return {};
  while (succeeded(parser.parseOptionalComma())) {
    StringRef key;
    SMLoc at = parser.getCurrentLocation();
    if (parser.parseKeyword(&key) || parser.parseEqual())
      return {};
    StringAttr *word = key == "fill"        ? &fill
                       : key == "store"     ? &store
                       : key == "swap"      ? &swap
                       : key == "scheduler" ? &scheduler
                                            : nullptr;
    int64_t *number = key == "stages"  ? &stages
                      : key == "split" ? &split
                      : key == "group" ? &group
                      : key == "ctas"  ? &ctas
                                       : nullptr;
    if (!word && !number)
      return parser.emitError(at, "expected stages, fill, store, swap, split, "
                                  "group, ctas or scheduler, got '")
                 << key << "'",
             Attribute();
    if (word ? failed(parser.parseAttribute(*word))
             : failed(parser.parseInteger(*number)))
      return {};
  }
  if (parser.parseGreater())
    return {};
  return parser.getChecked<ScheduleAttr>(parser.getContext(), kind, tile, warps,
                                         stages, fill, store, swap, split,
                                         group, ctas, scheduler);
}

void ScheduleAttr::print(AsmPrinter &printer) const {
  printer << "<" << getKind() << ", tile = [";
  llvm::interleaveComma(getTile(), printer);
  printer << "], warps = [";
  llvm::interleaveComma(getWarps(), printer);
  printer << "]";
  for (auto [key, number] :
       {std::pair("stages", getStages()), std::pair("split", getSplit()),
        std::pair("group", getGroup()), std::pair("ctas", getCtas())})
    if (number != 1)
      printer << ", " << key << " = " << number;
  for (auto [key, word] :
       {std::pair("fill", getFill()), std::pair("store", getStore()),
        std::pair("swap", getSwap()), std::pair("scheduler", getScheduler())})
    if (word)
      printer << ", " << key << " = " << word;
  printer << ">";
}

/// Sums are moved four at a time; offsets within a tile fit 32 bits.
LogicalResult WorkspaceType::verify(EmitError emitError, int64_t threads,
                                    int64_t registers) {
  if (threads >= 32 && threads <= 1024 && threads % 32 == 0 && registers >= 4 &&
      registers <= 1024 && registers % 4 == 0)
    return success();
  return emitError() << "expected whole warps, at most 1024 threads, and 4 to "
                        "1024 registers, a multiple of 4, got "
                     << threads << " and " << registers;
}

/// `expected`, or none.
static LogicalResult verifyWord(EmitError emitError, StringRef key,
                                StringAttr word, StringRef expected) {
  if (!word || word.getValue() == expected)
    return success();
  return emitError() << "expected " << key << " = \"" << expected
                     << "\" of a schedule, or none, got " << word;
}

LogicalResult ScheduleAttr::verify(EmitError emitError, StringAttr kind,
                                   ArrayRef<int64_t> tile,
                                   ArrayRef<int64_t> warps, int64_t stages,
                                   StringAttr fill, StringAttr store,
                                   StringAttr swap, int64_t split,
                                   int64_t group, int64_t ctas,
                                   StringAttr scheduler) {
  bool plain = kind.getValue() == "plain";
  bool hasRoles = kind.getValue() == "cooperative" ||
                  kind.getValue() == "pingpong" || kind.getValue() == "tmem";
  if (!plain && !hasRoles && kind.getValue() != "multistage")
    return emitError() << "expected the schedule plain, multistage, "
                          "cooperative, pingpong or tmem, got "
                       << kind.getValue();
  if (failed(verifyWord(emitError, "fill", fill, "tma")) ||
      failed(verifyWord(emitError, "store", store, "tma")) ||
      failed(verifyWord(emitError, "swap", swap, "ab")) ||
      failed(verifyWord(emitError, "scheduler", scheduler, "clc")))
    return failure();
  if ((fill || store) && !hasRoles)
    return emitError() << "expected a schedule with roles where TMA fills or "
                          "stores, got "
                       << kind.getValue();
  if (scheduler && (!hasRoles || split != 1))
    return emitError() << "expected a schedule with roles and no split where "
                          "the scheduler is clc, got "
                       << kind << " and a split of " << split;
  if (plain ? stages != 1 : stages < 2 || stages > 8)
    return emitError() << "expected 1 stage of a plain schedule, 2 to 8 of the "
                          "others, got "
                       << stages;
  if (tile.size() != 3 || warps.size() != 2)
    return emitError() << "expected tile = [m, n, k] and warps = [m, n], got "
                       << tile.size() << " and " << warps.size() << " numbers";
  const std::array<int64_t, 2> counts{split, group};
  for (int64_t extent : llvm::concat<const int64_t>(tile, warps, counts))
    if (failed(verifyCount(emitError, "extents of a schedule", extent)))
      return failure();
  if (split > 64)
    return emitError() << "expected a split into at most 64 parts, got "
                       << split;
  bool mayPair = kind.getValue() == "tmem" && !swap && split == 1 && !scheduler;
  if (ctas != 1 && (ctas != 2 || !mayPair))
    return emitError() << "expected one CTA, or two of the schedule tmem "
                          "without swap, split and scheduler, got "
                       << ctas;
  return success();
}

#include "dialects/Cta/CtaDialect.cpp.inc"
#include "dialects/Cta/CtaEnums.cpp.inc"
#include "dialects/Cta/CtaInterfaces.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Cta/CtaAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Cta/CtaTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Cta/CtaOps.cpp.inc"

void CtaDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Cta/CtaAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Cta/CtaTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Cta/CtaOps.cpp.inc"
      >();
}
