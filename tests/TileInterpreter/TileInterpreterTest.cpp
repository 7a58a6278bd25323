// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Templates as the interpreter reads them: the built-in one is the GEMM of the
// oracle, bit by bit; a user's own does what it says.

#include "tests/TileInterpreter/TileInterpreter.h"
#include "compiler/Pipeline/Pipeline.h"
#include "compiler/Select/Select.h"
#include "dialects/BlockScale/Build.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Formats.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::oracle;

namespace {

/// An instance for a problem class, with a small tile: the interpreter is slow.
struct Instance {
  Instance(const GemmProblem &problem, const std::string &templateText = "") {
    mlir::DialectRegistry registry;
    compiler::registerDialects(registry);
    context.appendDialectRegistry(registry);
    context
        .loadDialect<block_scale::BlockScaleDialect, mlir::func::FuncDialect>();
    module = block_scale::buildModule(context, specialise(problem));
    mlir::PassManager passes(&context);
    compiler::buildTilePhase(
        passes, {"sm_120a", "tile=16x16x128 warps=1x1", templateText});
    if (mlir::succeeded(passes.run(*module)))
      kernel = *module->getOps<tile::KernelOp>().begin();
  }
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  tile::KernelOp kernel;
};

/// The built-in template with other text in the place of `from`.
std::string changed(const std::string &from, const std::string &to) {
  std::string text(compiler::gemmTemplate());
  size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(TileInterpreter, TheBuiltInTemplateIsTheGemm) {
  for (int64_t m : {1, 5, 17})
    for (auto [n, k] :
         {std::pair<int64_t, int64_t>{8, 16}, {24, 48}, {40, 80}, {8, 464}})
      for (OutputType type :
           {OutputType::F32, OutputType::BF16, OutputType::F16}) {
        GemmProblem p;
        p.n = n;
        p.k = k;
        p.d = type;
        Instance instance(p);
        ASSERT_TRUE(instance.kernel);
        auto a = randomMatrix(m, k, 1, 0x20, 0x50),
             b = randomMatrix(n, k, 2, 0x20, 0x50);
        auto d = interpretTile(instance.kernel, {a, b, 0.01f}, type);
        ASSERT_TRUE(d) << d.message();
        EXPECT_EQ(d->bytes, gemm(a, b, 0.01f, type, Model::MmaSim)->bytes)
            << m << " " << n << " " << k;
      }
}

TEST(TileInterpreter, AUsersEpilogue) {
  GemmProblem p;
  p.n = 24;
  p.k = 48;
  p.d = OutputType::F32;
  Instance instance(p, changed("tile.yield %y : f32",
                               "%zero1 = arith.constant 0.0 : f32\n"
                               "%z = arith.maxnumf %y, %zero1 : f32\n"
                               "tile.yield %z : f32"));
  ASSERT_TRUE(instance.kernel);
  auto a = randomMatrix(5, p.k, 1, 0x20, 0x50),
       b = randomMatrix(p.n, p.k, 2, 0x20, 0x50);
  auto d = interpretTile(instance.kernel, {a, b, 1.0f}, p.d);
  ASSERT_TRUE(d) << d.message();
  auto plain = gemm(a, b, 1.0f, p.d, Model::MmaSim);
  int negative = 0;
  for (int64_t i = 0; i < 5 * p.n; ++i) {
    double x = decodeElement(p.d, elementBits(p.d, plain->bytes, i));
    negative += x < 0;
    EXPECT_EQ(decodeElement(p.d, elementBits(p.d, d->bytes, i)),
              std::fmax(x, 0.0));
  }
  EXPECT_GT(negative, 0);
}

/// A template that leaves elements out, or stores them twice, is found.
TEST(TileInterpreter, EveryElementOnce) {
  GemmProblem p;
  p.n = 24;
  p.k = 48;
  auto a = randomMatrix(5, p.k, 1, 0x20, 0x50),
       b = randomMatrix(p.n, p.k, 2, 0x20, 0x50);
  Instance twice(p, changed("tile.store %d, %D[%m, %n]",
                            "tile.store %d, %D[%m, %n] : !tile.acc<[BM, BN]>, "
                            "!tile.matrix<[M, N]>\n"
                            "    tile.store %d, %D[%m, %n]"));
  ASSERT_TRUE(twice.kernel);
  auto d = interpretTile(twice.kernel, {a, b, 1.0f}, p.d);
  ASSERT_FALSE(d);
  EXPECT_EQ(d.message(), "element 0 of d was stored 2 times");
}

TEST(TileInterpreter, UnknownOpsAreRefusedByName) {
  GemmProblem p;
  p.n = 8;
  p.k = 16;
  auto a = randomMatrix(1, p.k, 1, 0x20, 0x50),
       b = randomMatrix(p.n, p.k, 2, 0x20, 0x50);
  Instance instance(
      p, changed("tile.yield %y : f32",
                 "%z = arith.remf %y, %s : f32\ntile.yield %z : f32"));
  ASSERT_TRUE(instance.kernel);
  auto d = interpretTile(instance.kernel, {a, b, 1.0f}, p.d);
  ASSERT_FALSE(d);
  EXPECT_EQ(d.message(), "the interpreter does not know 'arith.remf'");
}

} // namespace
