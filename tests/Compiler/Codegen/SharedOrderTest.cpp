// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plain loads of shared memory stay on their side of the statements that write
// it. What keeps them there is the statement's memory clobber; the twin without
// one shows what LLVM does otherwise.

#include "compiler/Codegen/TranslateToPtx.h"
#include "compiler/Pipeline/Pipeline.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::compiler;

namespace {

/// Reads a word of shared memory, executes a statement, and needs the word in
/// one of two branches.
std::string reader(const std::string &statement) {
  return R"(
llvm.mlir.global internal @s() {addr_space = 3 : i32, alignment = 128 : i64} : !llvm.array<1024 x i8>
llvm.func @reader(%from: !llvm.ptr<1>, %d: !llvm.ptr<1>, %n: i32) attributes {nvvm.kernel} {
  %zero = llvm.mlir.constant(0 : i32) : i32
  %s = llvm.mlir.addressof @s : !llvm.ptr<3>
  %thread = nvvm.read.ptx.sreg.tid.x : i32
  %p = llvm.getelementptr %s[%thread] : (!llvm.ptr<3>, i32) -> !llvm.ptr<3>, i32
  %word = llvm.load %p {alignment = 4 : i64} : !llvm.ptr<3> -> i32
  )" + statement +
         R"(
  %given = llvm.icmp "ne" %n, %zero : i32
  llvm.cond_br %given, ^yes, ^no
^yes:
  llvm.inline_asm has_side_effects asm_dialect = att "@$2 st.global.b32 [$0], $1;", "l,r,b" %d, %word, %given : (!llvm.ptr<1>, i32, i1) -> ()
  llvm.br ^no
^no:
  llvm.return
}
)";
}

/// True if the word is still read before the statement.
bool isReadBefore(const std::string &statement, const char *opcode) {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  registerPtxTranslations(registry);
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  context.loadAllAvailableDialects();
  auto module =
      mlir::parseSourceString<mlir::ModuleOp>(reader(statement), &context);
  EXPECT_TRUE(module) << statement;
  if (!module)
    return false;
  auto ptx =
      translateToPtx(*module, **findChip("sm_120a"), [](const char *) {});
  EXPECT_TRUE(ptx) << ptx.message();
  if (!ptx)
    return false;
  size_t load = ptx->find("ld.shared"), at = ptx->find(opcode);
  EXPECT_NE(load, std::string::npos) << *ptx;
  EXPECT_NE(at, std::string::npos) << *ptx;
  return load < at;
}

std::string copy(const std::string &clobber) {
  return R"(llvm.inline_asm has_side_effects asm_dialect = att "cp.async.ca.shared.global [$0], [$1], 4, $2;", "r,l,r)" +
         clobber +
         R"(" %s, %from, %n : (!llvm.ptr<3>, !llvm.ptr<1>, i32) -> ())";
}

/// A wait, or a barrier; the copy behind it makes it known to LLVM that the
/// word is written at all.
std::string beforeCopy(const std::string &statement) {
  return statement + "\n  " + copy("");
}

TEST(SharedOrder, LoadsStayBeforeStatementsThatClobberMemory) {
  EXPECT_TRUE(isReadBefore(copy(",~{memory}"), "cp.async.ca"));
  EXPECT_TRUE(isReadBefore(
      beforeCopy("llvm.inline_asm has_side_effects asm_dialect = att "
                 "\"cp.async.wait_group 0;\", \"~{memory}\" : () -> ()"),
      "cp.async.wait_group"));
}

TEST(SharedOrder, LoadsStayBeforeBarriers) {
  EXPECT_TRUE(isReadBefore(beforeCopy("nvvm.barrier"), "bar.sync"));
}

TEST(SharedOrder, LoadsMovePastStatementsThatDoNot) {
  EXPECT_FALSE(isReadBefore(copy(""), "cp.async.ca"));
}

} // namespace
