// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// compile(): each stage, each chip that has the multiply, and what it refuses.

#include "compiler/Driver/Compiler.h"
#include "compiler/Codegen/PtxAs.h"
#include "compiler/Driver/MakeManifest.h"
#include "compiler/Select/Select.h"
#include "runtime/Abi/Manifest.h"

#include <algorithm>
#include <filesystem>
#include <gtest/gtest.h>
#include <map>
#include <set>
#include <unistd.h>

using namespace nybl;
using namespace nybl::compiler;

namespace {

Expected<Artefact> make(const char *problem, const char *chip,
                        CompileOptions options = {}) {
  if (options.emit == "cubin")
    options.emit = "ptx";
  return compile(problem, chip, options);
}

TEST(Compiler, EveryStageHasItsText) {
  const std::pair<const char *, const char *> table[] = {
      {"blockscale", "block_scale.gemm"},
      {"tile", "tile.kernel @gemm"},
      {"cta", "cta.kernel @gemm"},
      {"certificate", "\"module_hash\""},
      {"llvm", "define ptx_kernel void @gemm"},
      {"ptx", ".target sm_120a"}};
  for (auto [stage, text] : table) {
    CompileOptions options;
    options.emit = stage;
    auto artefact = make("gemm n=24 k=48", "sm_120a", options);
    ASSERT_TRUE(artefact) << artefact.message();
    EXPECT_NE(artefact->text.find(text), std::string::npos) << stage;
  }
}

/// Each with the lowest PTX that has what its kernels use.
TEST(Compiler, SiblingChipsCarryTheirSuffix) {
  const std::pair<std::string, std::string> table[] = {
      {"sm_100a", "8.7"}, {"sm_100f", "8.8"}, {"sm_103a", "8.8"},
      {"sm_110a", "9.0"}, {"sm_120a", "8.7"}, {"sm_120f", "8.8"},
      {"sm_121a", "8.8"}};
  std::set<std::string> keys;
  for (const char *line : {"gemm n=24 k=64", "quantize k=80"})
    for (auto &[chip, version] : table) {
      auto artefact = make(line, chip.c_str());
      ASSERT_TRUE(artefact) << artefact.message();
      std::string head = ".version " + version + "\n.target " + chip + "\n";
      EXPECT_NE(artefact->ptx.find(head), std::string::npos) << head;
      auto manifest = parseManifest(artefact->manifest);
      ASSERT_TRUE(manifest) << manifest.message();
      EXPECT_EQ(manifest->chip, chip);
      EXPECT_EQ(manifest->ptxVersion, version);
      EXPECT_TRUE(keys.insert(manifest->key).second) << line << ", " << chip;
    }
}

/// No step knows the chip, down to the instructions: two PTX of one version
/// differ in their targets alone.
TEST(Compiler, ChipsQuantiseByTheSameInstructions) {
  for (const char *line :
       {"quantize k=80 x=f32 pad=rows", "quantize k=80 math=fast sf=linear",
        "quantize k=80 x=f16 sf=8x4 fuse=silu_mul", "dequantize k=80"}) {
    std::map<std::string, std::string> bodies; // by what stands before .target
    for (const char *chip :
         {"sm_100a", "sm_120a", "sm_100f", "sm_103a", "sm_120f", "sm_121a"}) {
      auto artefact = make(line, chip);
      ASSERT_TRUE(artefact) << artefact.message();
      std::string ptx = artefact->ptx, target = std::string(".target ") + chip;
      size_t at = ptx.find(target);
      ASSERT_NE(at, ptx.npos);
      std::string body = ptx.substr(at + target.size());
      EXPECT_EQ(bodies.emplace(ptx.substr(0, at), body).first->second, body)
          << chip;
    }
    EXPECT_EQ(bodies.size(), 2u) << "versions 8.7 and 8.8";
  }
}

TEST(Compiler, TheManifestSaysWhatWasProven) {
  auto artefact = make("gemm n=24 k=48 sfb=8x4 d=f32", "sm_120a");
  ASSERT_TRUE(artefact) << artefact.message();
  auto manifest = parseManifest(artefact->manifest);
  ASSERT_TRUE(manifest) << manifest.message();
  EXPECT_EQ(manifest->certificate.unproven(), "");
  EXPECT_EQ(manifest->certificate.lemmas.size(), 7u);
  for (const Lemma &lemma : manifest->certificate.lemmas)
    EXPECT_FALSE(lemma.domain.empty() || lemma.sample.empty()) << lemma.name;
  EXPECT_EQ(manifest->certificate.accesses.size(), 6u);
  EXPECT_EQ(manifest->certificate.rowsMax, 1 << 24);
  EXPECT_EQ(manifest->parameters.size(), 12u);
  EXPECT_EQ(manifest->key.size(), 64u);
  bool rowsMax = false;
  for (const Precondition &p : manifest->preconditions)
    rowsMax |= p.check == "rows_max" && p.value == 1 << 24;
  EXPECT_TRUE(rowsMax);
}

/// The built-in template with other text in the place of `from`.
std::string changed(const std::string &from, const std::string &to) {
  std::string text(gemmTemplate());
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos;
       at += to.size())
    text.replace(at, from.size(), to);
  EXPECT_NE(text, gemmTemplate()) << from;
  return text;
}

/// What decides the bytes decides the key.
TEST(Compiler, KeysDiffer) {
  auto key = [](const char *problem, const char *chip, const char *schedule,
                std::optional<std::string> text = std::nullopt) {
    CompileOptions options;
    options.schedule = schedule;
    options.templateText = std::move(text);
    return parseManifest(make(problem, chip, options)->manifest)->key;
  };
  std::string base = key("gemm n=24 k=48", "sm_120a", "");
  EXPECT_EQ(base, key("gemm k=48 n=24 m=200", "sm_120a", ""));
  EXPECT_NE(base, key("gemm k=48 n=24 m=5", "sm_120a", ""));
  EXPECT_EQ(key("gemm k=48 n=24 m=5", "sm_120a", ""),
            key("gemm k=48 n=24 m=1..16", "sm_120a", ""));
  // Whatever the schedule, a class's kernel is the class's.
  EXPECT_NE(key("gemm k=48 n=24 m=5", "sm_120a", "kind=plain"),
            key("gemm k=48 n=24 m=20", "sm_120a", "kind=plain"));
  EXPECT_NE(base, key("gemm n=24 k=64", "sm_120a", ""));
  EXPECT_NE(base, key("gemm n=24 k=48", "sm_121a", ""));
  EXPECT_NE(base, key("gemm n=24 k=48", "sm_120a", "tile=64x64x64 warps=2x2"));
  EXPECT_EQ(base,
            key("gemm n=24 k=48", "sm_120a", "", std::string(gemmTemplate())));
  EXPECT_NE(base, key("gemm n=24 k=48", "sm_120a", "",
                      changed("arith.mulf", "arith.addf")));
}

TEST(Compiler, KeysDifferByCompilerAndPtxas) {
  auto key = [](const char *compiler, const char *ptxas,
                const std::vector<std::string> &arguments) {
    Manifest manifest;
    manifest.compiler = compiler;
    manifest.ptxas = ptxas;
    setKey(manifest, arguments);
    return manifest.key;
  };
  std::vector<std::string> arguments = ptxasArguments("sm_120a");
  std::string base = key("nybl, sources 01", "13.0.88", arguments);
  EXPECT_EQ(base, key("nybl, sources 01", "13.0.88", arguments));
  EXPECT_NE(base, key("nybl, sources 02", "13.0.88", arguments));
  EXPECT_NE(base, key("nybl, sources 01", "13.1.10", arguments));
  arguments.push_back("-O1");
  EXPECT_NE(base, key("nybl, sources 01", "13.0.88", arguments));
  size_t digest = describe().find(", sources ");
  ASSERT_NE(digest, std::string::npos) << describe();
  EXPECT_EQ(describe().size(), digest + 10 + 16) << describe();
}

struct Refusal {
  const char *problem, *chip, *schedule, *templateText;
  ErrorCode code;
  const char *part;
};

TEST(Compiler, Refusals) {
  const Refusal table[] = {
      {"gemm n=24", "sm_120a", "", "", ErrorCode::Invalid, "expected k=NUMBER"},
      {"gemm n=24 k=48", "sm_999", "", "", ErrorCode::Invalid,
       "unknown chip 'sm_999'"},
      {"gemm n=24 k=48", "sm_90a", "", "", ErrorCode::Refused,
       "sm_90a has no block-scaled mma.sync"},
      {"gemm n=24 k=48", "sm_120a", "tile=1x1x1", "", ErrorCode::Invalid,
       "tile m must be a multiple"},
      {"gemm n=24 k=48", "sm_120a", "", "module {", ErrorCode::Invalid,
       "template:"},
      {"gemm n=24 k=48", "sm_120a", "", "module {}", ErrorCode::Invalid,
       "expected a template with one tile.kernel, got 0"},
      {"gemm n=24 k=48", "sm_120a", "",
       "tile.kernel @k<dims(M, N, K), params(BM, BN, BK, stages)>() { "
       "tile.require BK mod 100 == 0, \"mine\" }",
       ErrorCode::Invalid, "expected 6 arguments for this problem, got 0"},
  };
  for (const Refusal &r : table) {
    CompileOptions options;
    options.schedule = r.schedule;
    if (*r.templateText)
      options.templateText = r.templateText;
    auto artefact = make(r.problem, r.chip, options);
    ASSERT_FALSE(artefact) << r.part;
    EXPECT_EQ(artefact.status().code(), r.code) << artefact.message();
    EXPECT_NE(artefact.message().find(r.part), std::string::npos)
        << artefact.message();
  }
  CompileOptions options;
  options.emit = "sass";
  EXPECT_FALSE(compile("gemm n=24 k=48", "sm_120a", options));
  options.emit = "cubin";
  options.ptxas = "/nowhere/ptxas";
  auto artefact = compile("gemm n=24 k=48", "sm_120a", options);
  ASSERT_FALSE(artefact);
  EXPECT_EQ(artefact.status().code(), ErrorCode::Environment);
  EXPECT_NE(artefact.message().find("/nowhere/ptxas"), std::string::npos);
}

struct BadTemplate {
  std::string text;
  ErrorCode code;
  const char *part;
};

void expectRefused(const std::vector<BadTemplate> &table) {
  for (const BadTemplate &bad : table) {
    CompileOptions options;
    options.templateText = bad.text;
    auto artefact = make("gemm n=24 k=48", "sm_120a", options);
    ASSERT_FALSE(artefact) << bad.part;
    EXPECT_EQ(artefact.status().code(), bad.code) << artefact.message();
    EXPECT_NE(artefact.message().find(bad.part), std::string::npos)
        << artefact.message();
    EXPECT_EQ(artefact.message().find('\n'), std::string::npos);
  }
}

/// The proof bounds accesses by the extents of the operands, so a template may
/// declare no others.
TEST(Compiler, TemplatesDeclareTheProblemsSizes) {
  const auto invalid = ErrorCode::Invalid;
  expectRefused({
      {changed("!tile.matrix<[M, N]>", "!tile.matrix<[1000, N]>"), invalid,
       "to fit operand 'd' of the problem, '!tile.matrix<[M, 24], bf16>', got "
       "'!tile.matrix<[1000, 24]>'"},
      {changed("!tile.matrix<[M, N]>", "!tile.matrix<[M, N + 64]>"), invalid,
       "to fit operand 'd'"},
      {changed("!tile.matrix<[M, N]>", "!tile.matrix<[M, N], f32>"), invalid,
       "to fit operand 'd'"},
      {changed("!tile.matrix<[N, K]>", "!tile.matrix<[M, K]>"), invalid,
       "to fit operand 'b'"},
      {changed("!tile.scales<[N, K]>", "!tile.scales<[100000, K]>"), invalid,
       "to fit operand 'sfb'"},
      {changed("!tile.scales<[M, K]>", "!tile.scales<[M, K * 64]>"), invalid,
       "to fit operand 'sfa'"},
      {changed("!tile.scales<[M, K]>",
               "!tile.scales<[M, K], f8E4M3FN per 16 in \"linear\">"),
       invalid, "to fit operand 'sfa'"},
      {changed("!tile.scalar<f32>", "!tile.scalar<f64>"), invalid,
       "to fit operand 'alpha'"},
      {changed("dims(M, N, K)", "dims(M, N, K, Z)"), invalid,
       "has a dimension 'Z' that the problem does not have"},
      {changed("in (M, N)", "in (M floordiv 2, N)"), invalid,
       "expected M or a number of rows"},
  });
  CompileOptions same;
  same.templateText =
      changed("!tile.matrix<[N, K]>", "!tile.matrix<[24, K * 1]>");
  EXPECT_TRUE(make("gemm n=24 k=48", "sm_120a", same));
}

/// In tensor memory loads stand by the stores that need them; what needs a load
/// and is stored by nobody must not stay ahead of it.
TEST(Compiler, WhatNobodyStoresIsLeftOut) {
  CompileOptions options;
  options.templateText =
      changed("    %d = tile.map",
              "    %e = tile.map %acc : !tile.acc<[BM, BN]> -> "
              "!tile.acc<[BM, BN]> {\n    ^bb0(%u: f32):\n"
              "      %v = arith.addf %u, %u : f32\n"
              "      %w = arith.mulf %v, %v : f32\n"
              "      tile.yield %w : f32\n    }\n    %d = tile.map");
  for (const char *chip : {"sm_100a", "sm_120a"})
    EXPECT_TRUE(make("gemm n=256 k=256", chip, options)) << chip;
}

/// What would run the parser or the unrolling too long or too deep.
TEST(Compiler, TemplatesAreBounded) {
  const auto invalid = ErrorCode::Invalid;
  std::string deep = std::string(100000, '(') + "BK" + std::string(100000, ')');
  std::string arrays = std::string(100000, '[') + std::string(100000, ']');
  std::string many, ops, last = "%y";
  for (int i = 0; i < 64; ++i) {
    std::string next = "%v" + std::to_string(i);
    ops += next + " = arith.divf " + last + ", %s : f32\n";
    last = next;
  }
  for (int i = 0; i < 1100; ++i)
    many += "  %q" + std::to_string(i) + " = arith.constant 1 : i32\n";
  expectRefused({
      {changed("BK mod 64", deep + " mod 64"), invalid,
       "brackets nest at most"},
      {changed("dims(M", "attributes {x = " + arrays + "} dims(M"), invalid,
       "brackets nest at most"},
      {std::string(2 << 20, ' '), invalid, "at most 1048576 bytes"},
      {"ML\xefR and so on", invalid, "got MLIR bytecode"},
      {changed("  tile.foreach", many + "  tile.foreach"), invalid,
       "at most 1024 ops"},
      {changed("      %sa = ", "      %big = tile.load %A[%m, %k] : "
                               "!tile.matrix<[M, K]> -> "
                               "!tile.tile<[1000000000, BK]>\n      %sa = "),
       invalid, "expected a tile of 1 to 4096 rows"},
      {changed("tile.yield %y", ops + "tile.yield " + last), invalid,
       "expected at most 64 ops in all tile.map bodies together"},
  });
  // Brackets in strings and comments nest nothing.
  CompileOptions options;
  options.templateText =
      changed("whole scale words", std::string(200, '(') + "\\22[[") + "// " +
      std::string(200, '{');
  EXPECT_TRUE(make("gemm n=24 k=48", "sm_120a", options));
}

/// The exit code follows from what happened, not from what a message says.
TEST(Compiler, VerdictsAreNoWords) {
  auto unmet = [](const char *message) {
    return changed("BK mod 64 == 0, \"a K step holds whole scale words\"",
                   std::string("BK mod 64 == 1, \"") + message + "\"");
  };
  std::string wraps =
      changed("%zero = tile.zeros", "%q = arith.muli %m, %m : i32\n"
                                    "    %zero = tile.zeros");
  size_t load = wraps.find("%A[%m, %k]");
  wraps.replace(load, 10, "%A[%q, %k]");
  std::string pastTheEnd =
      changed("%zero = tile.zeros", "%q = arith.remui %m, %n : i32\n"
                                    "    %zero = tile.zeros");
  load = pastTheEnd.find("%A[%m, %k]");
  pastTheEnd.replace(load, 10, "%A[%q, %k]");
  expectRefused({
      {unmet("refuted: a K step"), ErrorCode::Invalid, "is not met"},
      {unmet("not proven: a K step"), ErrorCode::Invalid, "is not met"},
      {wraps, ErrorCode::Unproven, "not proven"},
      {pastTheEnd, ErrorCode::Unproven, "not proven"},
      {std::string(), ErrorCode::Invalid, "the template is empty"},
  });
}

/// What is stored must be a product.
TEST(Compiler, AProductIsStored) {
  CompileOptions options;
  options.templateText = changed("%d = tile.map %acc", "%d = tile.map %zero");
  auto artefact = make("gemm n=24 k=48", "sm_120a", options);
  ASSERT_FALSE(artefact);
  EXPECT_EQ(artefact.status().code(), ErrorCode::Unproven);
  EXPECT_NE(artefact.message().find("to be made of a multiply"),
            std::string::npos)
      << artefact.message();
}

/// A kernel's stages are counted on the kernel, not on its schedule; a ring has
/// them as often as it has slots.
TEST(Compiler, TilesFitSharedMemory) {
  std::string big =
      changed("      %sa = ", "      %big = tile.load %A[%m, %k] : "
                              "!tile.matrix<[M, K]> -> "
                              "!tile.tile<[BM * 4, BK]>\n      %sa = ");
  const std::pair<const char *, const char *> table[] = {
      {"", "take 128000 bytes of shared memory, and a kernel on sm_120a has "
           "101376"},
      {"kind=plain", "take 63488 bytes of shared memory, and a kernel on "
                     "sm_120a has 49152"},
      {"kind=multistage tile=64x64x64 warps=2x2 stages=3", "take 56832 bytes"}};
  for (auto [schedule, part] : table) {
    CompileOptions options;
    options.templateText = big;
    options.schedule = schedule;
    auto artefact = make("gemm n=24 k=48", "sm_120a", options);
    ASSERT_FALSE(artefact) << part;
    EXPECT_EQ(artefact.status().code(), ErrorCode::Invalid);
    EXPECT_NE(artefact.message().find(part), std::string::npos)
        << artefact.message();
  }
}

/// Most copies of a K step are behind the last block of a short K: that no
/// thread makes them is part of the proof.
TEST(Compiler, ShortKIsProven) {
  for (const char *problem :
       {"gemm n=136 k=64 sfa=128x4 sfb=8x4", "gemm n=4096 k=80 sfa=8x4",
        "gemm n=136 k=16 sfb=8x4", "gemm n=4096 k=96 sfa=linear"})
    for (const char *schedule :
         {"kind=plain", "kind=multistage", "kind=cooperative stages=4",
          "kind=cooperative stages=4 fill=tma"}) {
      if (std::string_view(schedule).ends_with("tma") &&
          parseProblem(problem)->k % 32 != 0)
        continue;
      CompileOptions options;
      options.schedule = schedule;
      options.emit = "certificate";
      auto artefact = make(problem, "sm_120a", options);
      EXPECT_TRUE(artefact)
          << problem << ", " << schedule << ": " << artefact.message();
    }
}

/// A plan of few rows must not be launched with more, though the proof is for
/// them too.
TEST(Compiler, RowsOfAClassArePreconditions) {
  auto mostRows = [](const char *problem) {
    CompileOptions options;
    options.emit = "certificate";
    auto artefact = make(problem, "sm_120a", options);
    auto manifest = parseManifest(artefact->manifest);
    EXPECT_EQ(manifest->certificate.rowsMax, int64_t(1) << 24);
    for (const auto &condition : manifest->preconditions)
      if (condition.check == "rows_max")
        return condition.value;
    return int64_t(-1);
  };
  EXPECT_EQ(mostRows("gemm m=5 n=24 k=48"), 16);
  EXPECT_EQ(mostRows("gemm m=1..100 n=24 k=48"), 128);
  EXPECT_EQ(mostRows("gemm n=24 k=48"), int64_t(1) << 24);
}

/// What a schedule is refused for is what its kernel takes; by TMA rows of data
/// are not padded.
TEST(Compiler, SharedMemoryIsWhatTheScheduleSays) {
  const Chip &chip = **findChip("sm_120a");
  for (const char *text :
       {"kind=cooperative tile=16x64x256 warps=1x4 stages=3 swap=ab",
        "kind=cooperative tile=16x64x256 warps=1x4 stages=8 fill=tma",
        "kind=cooperative tile=128x256x128 warps=2x4 stages=3 fill=tma"}) {
    Schedule schedule = *parseSchedule(text);
    EXPECT_TRUE(validate(schedule, chip)) << text;
    CompileOptions options;
    options.schedule = text;
    auto artefact = make("gemm n=256 k=512", "sm_120a", options);
    ASSERT_TRUE(artefact) << artefact.message();
    auto manifest = parseManifest(artefact->manifest);
    ASSERT_TRUE(manifest) << manifest.message();
    // mbarriers are declared; what the launch gives begins behind them.
    EXPECT_EQ(sharedBytes(schedule), manifest->dynamicShared + 1024) << text;
  }
  EXPECT_FALSE(validate(
      *parseSchedule(
          "kind=cooperative tile=128x256x128 warps=2x4 stages=4 fill=tma"),
      chip));
}

/// Scale words of one, two and four groups of 32 rows: one load each for A and
/// for B.
/// Columns are an operand's whose scale factors are copied there, in whatever
/// order a kernel asks for them: of as many columns for each, and of others.
TEST(Compiler, ColumnsOfScaleFactorsAreNamedByWhatIsCopiedThere) {
  for (const std::string &tile : {"128x128x128", "128x256x128"}) {
    CompileOptions options;
    options.schedule = "kind=tmem tile=" + tile +
                       " warps=4x1 stages=2 "
                       "fill=tma";
    options.emit = "cta";
    auto kernel = make("gemm n=256 k=256", "sm_100a", options);
    ASSERT_TRUE(kernel) << kernel.message();
    std::string text = kernel->text;
    const std::string op = "cta.tensor_alloc";
    size_t sums = text.find(op), first = text.find(op, sums + 1);
    size_t second = text.find(op, first + 1);
    first = text.rfind('\n', first), second = text.rfind('\n', second);
    size_t end = text.find('\n', second + 1);
    text = text.substr(0, first) + text.substr(second, end - second) +
           text.substr(first, second - first) + text.substr(end);
    CompileOptions swapped;
    swapped.ctaText = text;
    swapped.emit = "manifest";
    auto artefact = make("gemm n=256 k=256", "sm_100a", swapped);
    ASSERT_TRUE(artefact) << artefact.message();
    auto columns = parseManifest(artefact->manifest)->tensorMemory;
    ASSERT_EQ(columns.size(), 3u);
    EXPECT_EQ(columns[1].holds, "scale factors of b");
    EXPECT_EQ(columns[1].columns, tile == "128x256x128" ? 16 : 8);
    EXPECT_EQ(columns[2].holds, "scale factors of a");
    EXPECT_EQ(columns[2].first, columns[1].end());
  }
}

/// Where tiles are taken over, no CTA begins that finds no room in tensor
/// memory; nothing is added for those that find it.
TEST(Compiler, CtasThatTakeOverFindTensorMemory) {
  auto manifestOf = [](const std::string &schedule) {
    CompileOptions options;
    options.schedule = schedule;
    options.emit = "manifest";
    auto artefact = compile("gemm n=256 k=256", "sm_100a", options);
    EXPECT_TRUE(artefact) << artefact.message();
    return *parseManifest(artefact->manifest);
  };
  int64_t all = (*findChip("sm_100a"))->sharedPerMultiprocessor;
  for (const std::string &tile : {"128x32x128", "128x128x128", "128x256x256"}) {
    std::string schedule =
        "kind=tmem tile=" + tile + " warps=4x1 stages=2 fill=tma";
    Manifest still = manifestOf(schedule);
    Manifest taken = manifestOf(schedule + " scheduler=clc");
    int64_t room = Manifest::tensorColumnsOfAll / taken.tensorColumns;
    EXPECT_FALSE(still.takesOver);
    EXPECT_TRUE(taken.takesOver);
    EXPECT_EQ(all / (taken.dynamicShared + taken.staticShared), room) << tile;
    EXPECT_GE(taken.dynamicShared, still.dynamicShared);
  }
}

TEST(Compiler, PackedScalesAreOneLoad) {
  const std::tuple<const char *, int, int, int> table[] = {
      {"tile=64x64x64 warps=2x2", 2, 0, 0},
      {"tile=64x32x64 warps=1x1", 1, 1, 0},
      {"tile=128x64x64 warps=1x2", 1, 0, 1}};
  for (auto [tile, one, two, four] : table) {
    CompileOptions options;
    options.schedule = std::string("kind=multistage ") + tile;
    options.emit = "ptx";
    auto artefact = make("gemm n=256 k=384", "sm_120a", options);
    ASSERT_TRUE(artefact) << artefact.message();
    auto count = [&](llvm::StringRef load) {
      return int(llvm::StringRef(artefact->ptx).count(load));
    };
    EXPECT_EQ(count("ld.shared.b32"), one) << tile;
    EXPECT_EQ(count("ld.shared.v2.b32"), two) << tile;
    EXPECT_EQ(count("ld.shared.v4.b32"), four) << tile;
    EXPECT_EQ(count("ld.shared"), one + two + four) << tile;
  }
}

/// A multiply whose sum nobody uses may go.
TEST(Compiler, TheLintTakesWhatLlvmMayDrop) {
  CompileOptions options;
  options.templateText = changed(
      "%d = tile.map %acc",
      "%unused = tile.accumulate %k in K by BK stages(stages) init(%c = %zero) "
      ": !tile.acc<[BM, BN]> {\n"
      "%a = tile.load %A[%m, %k] : !tile.matrix<[M, K]> -> "
      "!tile.tile<[BM, BK]>\n"
      "%sa = tile.load_scales %SA[%m, %k] : !tile.scales<[M, K]> -> "
      "!tile.scale_tile<[BM, BK]>\n"
      "%b = tile.load %B[%n, %k] : !tile.matrix<[N, K]> -> "
      "!tile.tile<[BN, BK]>\n"
      "%sb = tile.load_scales %SB[%n, %k] : !tile.scales<[N, K]> -> "
      "!tile.scale_tile<[BN, BK]>\n"
      "%s = tile.dot_scaled %a, %sa, %b, %sb, %c : !tile.tile<[BM, BK]>, "
      "!tile.scale_tile<[BM, BK]>, !tile.tile<[BN, BK]>, "
      "!tile.scale_tile<[BN, BK]>, !tile.acc<[BM, BN]>\n"
      "tile.yield %s : !tile.acc<[BM, BN]>\n}\n"
      "%d = tile.map %acc");
  auto artefact = make("gemm n=24 k=384", "sm_120a", options);
  EXPECT_TRUE(artefact) << artefact.message();
}

/// Attributes of a template may share their parts: printing them would take for
/// ever.
TEST(Compiler, AttributesOfATemplateAreDropped) {
  std::string text = "#a0 = [1, 1]\n";
  for (int i = 1; i < 40; ++i) {
    std::string before = "#a" + std::to_string(i - 1);
    text += "#a" + std::to_string(i) + " = [" + before + ", " + before + "]\n";
  }
  CompileOptions options;
  options.emit = "tile";
  options.templateText =
      text + changed("!tile.scalar<f32>) {",
                     "!tile.scalar<f32>) attributes {mine = #a39} {");
  auto artefact = make("gemm n=24 k=48", "sm_120a", options);
  ASSERT_TRUE(artefact) << artefact.message();
  EXPECT_EQ(artefact->text.find("mine"), std::string::npos);
}

/// The built-in template with a line of `text` before its first tile.zeros.
std::string templateWith(const std::string &text, std::string &line) {
  std::string result(gemmTemplate());
  size_t at = result.find("    %zero = tile.zeros");
  EXPECT_NE(at, std::string::npos);
  auto before = result.begin() + std::min(at, result.size());
  line = "template:" +
         std::to_string(1 + std::count(result.begin(), before, '\n')) + ":";
  return result.insert(at, text + "\n");
}

/// What does not verify, what is no op of Tile, what is no op at all.
TEST(Compiler, RefusalsOfTemplatesNameTheLine) {
  struct {
    const char *text, *part;
    ErrorCode code;
  } const table[] = {
      {"%mine = tile.zeros : !tile.acc<[BM]>", "expected", ErrorCode::Invalid},
      {"%mine = cta.thread_id", "has no place here", ErrorCode::Invalid},
      {"%mine = \"foreign.op\"() : () -> i32", "unregistered dialect",
       ErrorCode::Invalid},
  };
  for (auto &row : table) {
    std::string line;
    CompileOptions options;
    options.templateText = templateWith(row.text, line);
    auto artefact = make("gemm n=24 k=48", "sm_120a", options);
    ASSERT_FALSE(artefact) << row.text;
    EXPECT_EQ(artefact.status().code(), row.code) << artefact.message();
    EXPECT_NE(artefact.message().find(line), std::string::npos)
        << artefact.message();
    EXPECT_NE(artefact.message().find(row.part), std::string::npos)
        << artefact.message();
  }
}

TEST(Compiler, DumpsAreNumbered) {
  auto folder = std::filesystem::temp_directory_path() /
                ("nybl-dumps-" + std::to_string(::getpid()));
  CompileOptions options;
  options.dumpDir = folder;
  ASSERT_TRUE(make("gemm n=24 k=48", "sm_120a", options));
  std::vector<std::string> names;
  for (auto &entry : std::filesystem::directory_iterator(folder))
    names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{
                       "00-blockscale.mlir", "01-tile.mlir", "02-cta.mlir",
                       "03-prove.mlir", "04-lower.mlir", "05-kernel.ptx",
                       "06-manifest.json"}));
  std::filesystem::remove_all(folder);
}

} // namespace
