// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration of the Cta dialect and its generated definitions.

#include "dialects/Cta/CtaOps.h"
#include "mlir/IR/DialectImplementation.h"
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
