// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Global memory never leaves MLIR as a plain load or store: LLVM widens those
// over bytes that nobody asked for, and drops their guards. Whoever lowers a
// scale read to llvm.load fails here; the twins show what LLVM would do to it.

#include "compiler/Codegen/PtxLint.h"
#include "compiler/Codegen/TranslateToPtx.h"
#include "compiler/Pipeline/Pipeline.h"
#include "compiler/Select/Select.h"
#include "dialects/BlockScale/BlockScaleOps.h"
#include "dialects/BlockScale/Build.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"

#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::compiler;
namespace LLVM = mlir::LLVM;

namespace {

/// Everything that could touch memory other than shared: a pointer elsewhere
/// may be made, compared with null, and handed to an asm statement, no more.
/// A branch that passes one on, a cast, a call, a copy, a masked load, an
/// atomic: all are faults, as are llvm.load and llvm.store.
class PlainAccesses {
public:
  explicit PlainAccesses(mlir::ModuleOp module) {
    module.walk([&](mlir::Operation *op) { look(op); });
    module.walk([&](LLVM::LLVMFuncOp function) { look(function); });
  }
  std::vector<std::string> faults;
  unsigned statements = 0; ///< of asm, with such a pointer

private:
  static bool isElsewhere(mlir::Type type) {
    auto pointer = llvm::dyn_cast<LLVM::LLVMPointerType>(type);
    return pointer && pointer.getAddressSpace() != 3;
  }

  void look(mlir::Operation *op) {
    if (llvm::none_of(op->getOperandTypes(), isElsewhere))
      return;
    if (auto statement = llvm::dyn_cast<LLVM::InlineAsmOp>(op))
      return look(statement);
    if (!llvm::isa<LLVM::GEPOp, LLVM::ICmpOp>(op))
      faults.push_back(op->getName().getStringRef().str());
  }

  /// Predicated, and where it stands; copies are told how much is real.
  void look(LLVM::InlineAsmOp statement) {
    ++statements;
    llvm::StringRef text = statement.getAsmString();
    size_t access = std::min(text.find("ld.global"), text.find("st.global"));
    llvm::StringRef before = text.take_front(access).rtrim();
    llvm::StringRef word = before.substr(before.find_last_of(" \t\n;") + 1);
    bool isGuarded = access != text.npos && word.starts_with("@$");
    isGuarded |= text.contains("cp.async.ca.shared.global [$0], [$1], ") &&
                 text.ends_with(", $2;");
    if (!isGuarded || !statement.getHasSideEffects())
      faults.push_back("asm " + text.str());
  }

  /// What LLVM may believe of a caller's buffer: nothing but its alignment.
  void look(LLVM::LLVMFuncOp function) {
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      for (mlir::NamedAttribute attribute :
           function.getArgAttrDict(i) ? function.getArgAttrDict(i).getValue()
                                      : llvm::ArrayRef<mlir::NamedAttribute>())
        if (attribute.getName() != "llvm.align")
          faults.push_back("attribute " + attribute.getName().str());
  }
};

class PlainAccess : public testing::Test {
protected:
  PlainAccess() {
    mlir::DialectRegistry registry;
    registerDialects(registry);
    registerPtxTranslations(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
  }

  mlir::OwningOpRef<mlir::ModuleOp> lower(const GemmProblem &problem,
                                          const std::string &schedule) {
    auto module = block_scale::buildModule(context, specialise(problem));
    mlir::PassManager passes(&context);
    buildTilePhase(passes, {"sm_120a", schedule, std::string(gemmTemplate())});
    buildCtaPhase(passes);
    buildProvePhase(passes);
    buildLowerPhase(passes);
    EXPECT_TRUE(mlir::succeeded(passes.run(*module)));
    return module;
  }
  mlir::OwningOpRef<mlir::ModuleOp> parse(const std::string &text) {
    auto module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    return module;
  }
  static const Chip &chip() { return **findChip("sm_120a"); }

  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
};

/// After LLVM's optimiser: neither has it made a load of its own, nor concluded
/// anything about a buffer.
void expectNoPlainAccess(llvm::StringRef text) {
  bool isKernelSeen = false;
  for (llvm::StringRef line : llvm::split(text, '\n')) {
    if (line.contains("= load ") || line.ltrim().starts_with("store ") ||
        line.contains("@llvm.mem") || line.contains("@llvm.masked"))
      EXPECT_TRUE(line.contains("addrspace(3)")) << line.str();
    if (!line.starts_with("define ptx_kernel"))
      continue;
    isKernelSeen = true;
    for (const char *word : {"noalias", "readonly", "readnone", "writeonly",
                             "dereferenceable", "invariant"})
      EXPECT_FALSE(line.contains(word)) << line.str();
  }
  EXPECT_TRUE(isKernelSeen);
  EXPECT_FALSE(text.contains("!invariant"));
}

TEST_F(PlainAccess, NoneInAnyLayout) {
  constexpr ScaleLayout layouts[] = {ScaleLayout::Linear, ScaleLayout::T128x4,
                                     ScaleLayout::T8x4};
  constexpr OutputType outputs[] = {OutputType::F32, OutputType::BF16,
                                    OutputType::F16};
  for (unsigned i = 0; i < 18; ++i) {
    GemmProblem p;
    p.n = i % 2 ? 24 : 136;
    p.k = i % 4 < 2 ? 80 : 256;
    p.sfa = layouts[i % 3];
    p.sfb = layouts[i / 3 % 3];
    p.d = outputs[(i + i / 3) % 3];
    p.alpha = i % 4 ? AlphaKind::Tensor : AlphaKind::None;
    SCOPED_TRACE(print(p));
    auto module =
        lower(p, i < 9 ? "kind=plain tile=32x32x128 warps=2x2"
                       : "kind=multistage tile=32x32x128 warps=2x2 stages=3");
    PlainAccesses found(*module);
    EXPECT_EQ(found.faults, std::vector<std::string>());
    EXPECT_GT(found.statements, 0u);
    auto text = translateToLlvmText(*module, chip());
    ASSERT_TRUE(text) << text.message();
    expectNoPlainAccess(*text);
  }
}

//===----------------------------------------------------------------------===//
// What LLVM does to plain loads
//===----------------------------------------------------------------------===//

/// Kernels that read three bytes where conditions hold, and store them as a
/// word; the end of one.
std::string join(const std::string &last) {
  return R"(
    %eight = llvm.mlir.constant(8 : i32) : i32
    %sixteen = llvm.mlir.constant(16 : i32) : i32
    %w0 = llvm.zext %a0 : i8 to i32
    %w1 = llvm.zext %a1 : i8 to i32
    %w2 = llvm.zext %a2 : i8 to i32
    %s1 = llvm.shl %w1, %eight : i32
    %s2 = llvm.shl %w2, %sixteen : i32
    %o1 = llvm.or %w0, %s1 : i32
    %o2 = llvm.or %o1, %s2 : i32
)" + last;
}

const std::string plainStore =
    "    llvm.store %o2, %d {alignment = 4 : i64} : i32, !llvm.ptr<1>\n"
    "    llvm.return\n";

std::string kernelOf(const std::string &attributes, const std::string &body) {
  return "llvm.func @reader(%p: !llvm.ptr<1> {" + attributes +
         "}, %d: !llvm.ptr<1>, %n: i32) attributes {nvvm.kernel} {\n"
         "    %zero = llvm.mlir.constant(0 : i8) : i8\n"
         "    %c0 = llvm.mlir.constant(0 : i32) : i32\n"
         "    %c1 = llvm.mlir.constant(1 : i32) : i32\n"
         "    %c2 = llvm.mlir.constant(2 : i32) : i32\n"
         "    %p1 = llvm.getelementptr %p[1] : (!llvm.ptr<1>) -> "
         "!llvm.ptr<1>, i8\n"
         "    %p2 = llvm.getelementptr %p[2] : (!llvm.ptr<1>) -> "
         "!llvm.ptr<1>, i8\n" +
         body + "}\n";
}

/// One guard for all three.
std::string threeLoads(const std::string &attributes) {
  return kernelOf(attributes, R"(
    %guard = llvm.icmp "ugt" %n, %c0 : i32
    llvm.cond_br %guard, ^yes, ^no(%zero, %zero, %zero : i8, i8, i8)
  ^yes:
    %v0 = llvm.load %p {alignment = 1 : i64} : !llvm.ptr<1> -> i8
    %v1 = llvm.load %p1 {alignment = 1 : i64} : !llvm.ptr<1> -> i8
    %v2 = llvm.load %p2 {alignment = 1 : i64} : !llvm.ptr<1> -> i8
    llvm.br ^no(%v0, %v1, %v2 : i8, i8, i8)
  ^no(%a0: i8, %a1: i8, %a2: i8):
)" + join(plainStore));
}

/// A guard for each: byte i where i < n.
std::string threeGuards(const std::string &attributes) {
  std::string body;
  for (int i = 0; i < 3; ++i) {
    std::string n = std::to_string(i);
    body += "    %g" + n + " = llvm.icmp \"ugt\" %n, %c" + n +
            " : i32\n    llvm.cond_br %g" + n + ", ^yes" + n + ", ^no" + n +
            "(%zero : i8)\n  ^yes" + n + ":\n    %v" + n + " = llvm.load %p" +
            (i ? n : "") +
            " {alignment = 1 : i64} : !llvm.ptr<1> -> i8\n    llvm.br ^no" + n +
            "(%v" + n + " : i8)\n  ^no" + n + "(%a" + n + ": i8):\n";
  }
  return kernelOf(attributes, body + join(plainStore));
}

/// The same as threeGuards, the way our kernels do it.
std::string threeStatements(const std::string &attributes) {
  std::string body;
  for (int i = 0; i < 3; ++i) {
    std::string n = std::to_string(i);
    body += "    %g" + n + " = llvm.icmp \"ugt\" %n, %c" + n +
            " : i32\n    %h" + n +
            " = llvm.inline_asm has_side_effects asm_dialect = att "
            "\"mov.b16 $0, 0;\\0A\\09@$2 ld.global.b8 $0, [$1];\", "
            "\"=&h,l,b\" %p" +
            (i ? n : "") + ", %g" + n + " : (!llvm.ptr<1>, i1) -> i16\n    %a" +
            n + " = llvm.trunc %h" + n + " : i16 to i8\n";
  }
  return kernelOf(attributes, body + join(R"(
    %always = llvm.icmp "eq" %n, %n : i32
    llvm.inline_asm has_side_effects asm_dialect = att "@$2 st.global.b32 [$0], $1;", "l,r,b" %d, %o2, %always : (!llvm.ptr<1>, i32, i1) -> ()
    llvm.return
)"));
}

/// PTX lines that hold this opcode.
std::vector<std::string> linesWith(const std::string &ptx,
                                   const std::string &opcode) {
  std::vector<std::string> lines;
  for (llvm::StringRef line : llvm::split(llvm::StringRef(ptx), '\n'))
    if (line.contains(opcode))
      lines.push_back(line.trim().str());
  return lines;
}

class PlainLoads : public PlainAccess {
protected:
  std::string ptxOf(const std::string &text) {
    auto module = parse(text);
    if (!module)
      return "";
    auto ptx = translateToPtx(*module, chip(), [](const char *) {});
    EXPECT_TRUE(ptx) << ptx.message();
    return ptx ? *ptx : "";
  }
  void expectFaults(const std::string &text) {
    auto module = parse(text);
    ASSERT_TRUE(module);
    PlainAccesses found(*module);
    EXPECT_TRUE(llvm::is_contained(found.faults, "llvm.load"));
    EXPECT_TRUE(llvm::is_contained(found.faults, "llvm.store"));
  }
};

/// LLVM may make a word of three bytes: the fourth would be read, and nobody
/// asked for it (its O2 does so).
TEST_F(PlainLoads, MayBeWidenedOverBytesThatNobodyReads) {
  expectFaults(threeLoads("llvm.align = 4 : i64"));
}

/// Guards may vanish where the pointer is known to be readable.
TEST_F(PlainLoads, MayLoseTheirGuards) {
  expectFaults(
      threeGuards("llvm.align = 4 : i64, llvm.dereferenceable = 4 : i64"));
}

/// As asm statements they stay what they are, whatever LLVM is told.
TEST_F(PlainLoads, AsStatementsStayWhatTheyAre) {
  std::string text =
      threeStatements("llvm.align = 4 : i64, llvm.dereferenceable = 4 : i64");
  auto module = parse(text);
  ASSERT_TRUE(module);
  EXPECT_EQ(PlainAccesses(*module).faults,
            std::vector<std::string>{"attribute llvm.dereferenceable"});
  std::string ptx = ptxOf(text);
  std::vector<std::string> loads = linesWith(ptx, "ld.global");
  EXPECT_EQ(loads.size(), 3u) << ptx;
  for (const std::string &load : loads)
    EXPECT_TRUE(llvm::StringRef(load).starts_with("@%")) << load;
}

} // namespace
