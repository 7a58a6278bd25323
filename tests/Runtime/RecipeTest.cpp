// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every refusal before a launch with its sentence, the packing of parameters,
// and manifests that are not understood.

#include "runtime/Launch/Recipe.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Runtime/Manifests.h"
#include <bit>
#include <cmath>
#include <functional>
#include <gtest/gtest.h>
#include <limits>

using namespace nybl;
using namespace nybl::launch;
using nybl::tests::argumentsFor;
using nybl::tests::genericManifest;
using nybl::tests::plainManifest;

namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

GemmProblem problemOf(const char *line) {
  auto problem = parseProblem(line);
  EXPECT_TRUE(problem) << problem.message();
  return problem ? *problem : GemmProblem();
}

Recipe recipeOf(const GemmProblem &problem) {
  auto recipe = Recipe::make(plainManifest(problem), problem);
  EXPECT_TRUE(recipe) << recipe.message();
  return *recipe;
}

/// Into a block of its own. No plain kernel has tensor maps, so that any driver
/// will do.
struct Packed : ParameterBlock {
  Packed(const Recipe &recipe, const nybl_gemm_args &args) {
    static auto api = driver::Driver::open(NYBL_TEST_RECORDING_DRIVER);
    Status status = api ? recipe.pack(args, **api, *this) : api.status();
    EXPECT_TRUE(status) << status.message();
  }
};

struct Row {
  const char *name;
  std::function<void(nybl_gemm_args &)> spoil;
  const char *sentence; ///< what the message must hold
};

std::ostream &operator<<(std::ostream &os, const Row &row) {
  return os << row.name;
}

class Refusal : public testing::TestWithParam<Row> {};

// N = 24, K = 64: four K blocks; bf16; m up to 200.
constexpr const char *line =
    "gemm m=0..200 n=24 k=64 sfa=128x4 sfb=8x4 d=bf16 alpha=tensor";

TEST_P(Refusal, IsOneSentence) {
  GemmProblem problem = problemOf(line);
  Recipe recipe = recipeOf(problem);
  nybl_gemm_args args = argumentsFor(problem, 5);
  ASSERT_TRUE(recipe.check(args)) << recipe.check(args).message();
  GetParam().spoil(args);
  Status status = recipe.check(args);
  ASSERT_FALSE(status);
  EXPECT_EQ(status.code(), ErrorCode::Refused);
  EXPECT_NE(status.message().find(GetParam().sentence), std::string::npos)
      << status.message();
  EXPECT_EQ(status.message().find('\n'), std::string::npos);
}

using Args = nybl_gemm_args;
const Row rows[] = {
    {"negative_m", [](Args &x) { x.m = -1; },
     "m: expected at least 0 rows, got -1"},
    {"m_outside_range", [](Args &x) { x.m = 201; },
     "m: expected 0 to 200 rows"},
    {"a_null", [](Args &x) { x.a.pointer = 0; },
     "a.pointer: expected a device address with 160 bytes behind it, got 0x0"},
    {"b_null", [](Args &x) { x.b.pointer = 0; },
     "b.pointer: expected a device"},
    {"d_null", [](Args &x) { x.d.pointer = 0; },
     "d.pointer: expected a device"},
    {"sfa_null", [](Args &x) { x.a_scales.pointer = 0; },
     "a_scales.pointer: expected a device"},
    {"a_wraps", [](Args &x) { x.a.pointer = UINT64_MAX - 7; },
     "a.pointer: expected a device"},
    {"a_alignment", [](Args &x) { x.a.pointer += 4; },
     "a.pointer: expected a multiple of 8 bytes, got 0x10000004"},
    {"b_alignment", [](Args &x) { x.b.pointer += 1; },
     "b.pointer: expected a multiple of 8"},
    {"d_alignment", [](Args &x) { x.d.pointer += 1; },
     "d.pointer: expected a multiple of 2"},
    {"a_stride_multiple",
     [](Args &x) { x.a.row_stride = 36, x.a.bytes = 4096; },
     "a.row_stride: expected a multiple of 8 bytes, got 36"},
    {"d_stride_multiple",
     [](Args &x) { x.d.row_stride = 49, x.d.bytes = 4096; },
     "d.row_stride: expected a multiple of 2"},
    {"a_stride_small", [](Args &x) { x.a.row_stride = 24; },
     "a.row_stride: expected at least 32, the bytes of a row, got 24"},
    {"a_stride_zero", [](Args &x) { x.a.row_stride = 0; },
     "a.row_stride: expected at least 32"},
    {"a_stride_negative", [](Args &x) { x.a.row_stride = -32; },
     "a.row_stride: expected at least 32"},
    {"b_stride_large", [](Args &x) { x.b.row_stride = int64_t(1) << 41; },
     "b.row_stride: expected at most 1099511627776"},
    {"d_stride_beyond_its_i32",
     [](Args &x) {
       x.d.row_stride = int64_t(1) << 31, x.d.bytes = uint64_t(1) << 40;
     },
     "d.row_stride: expected at most 2147483647"},
    {"a_bytes", [](Args &x) { x.a.bytes -= 1; },
     "a.bytes: expected at least 160 for 5 rows of 32 bytes at a stride of 32"},
    {"b_bytes", [](Args &x) { x.b.bytes -= 1; },
     "b.bytes: expected at least 768"},
    {"d_bytes", [](Args &x) { x.d.bytes = 1; },
     "d.bytes: expected at least 240"},
    {"sfa_bytes_of_8x4", [](Args &x) { x.a_scales.bytes = 32; },
     "a_scales.bytes: expected 512 for 5 rows x 4 K blocks in 128x4, got 32, "
     "which "
     "would be 8x4: the buffer is mislabelled"},
    {"sfa_bytes_of_linear", [](Args &x) { x.a_scales.bytes = 20; },
     "got 20, which would be linear"},
    {"sfb_bytes_of_128x4", [](Args &x) { x.b_scales.bytes = 512; },
     "b_scales.bytes: expected 96 for 24 rows x 4 K blocks in 8x4, got 512, "
     "which "
     "would be 128x4"},
    {"sfa_bytes_of_the_allocation", [](Args &x) { x.a_scales.bytes = 4096; },
     "got 4096, which fits none of linear, 128x4 and 8x4"},
    {"sfa_tag", [](Args &x) { x.a_scales.layout = NYBL_LAYOUT_8X4; },
     "a_scales.layout: expected 128x4, the layout that the plan's problem "
     "states, "
     "got a tensor in 8x4"},
    {"sfa_no_tag", [](Args &x) { x.a_scales.layout = 0; },
     "a_scales.layout: expected 1 (linear), 2 (128x4) or 3 (8x4), got 0"},
    {"sfa_unknown_tag", [](Args &x) { x.a_scales.layout = 9; }, "(8x4), got 9"},
    {"sfa_trust_value", [](Args &x) { x.a_scales.trust_layout = 2; },
     "a_scales.trust_layout: expected 0 or 1, got 2"},
    {"sfa_rows", [](Args &x) { x.a_scales.rows_allocated = 4; },
     "a_scales.rows_allocated: expected at least the 5 rows used"},
    {"sfb_rows", [](Args &x) { x.b_scales.rows_allocated = 23; },
     "b_scales.rows_allocated: expected at least the 24 rows used"},
    {"sfa_rows_negative", [](Args &x) { x.a_scales.rows_allocated = -1; },
     "a_scales.rows_allocated: expected"},
    {"sfa_rows_huge", [](Args &x) { x.a_scales.rows_allocated = INT64_MAX; },
     "fewer than 2^31"},
    {"sfb_not_trusted", [](Args &x) { x.b_scales.trust_layout = 0; },
     "b_scales: 96 bytes for 24 rows x 4 K blocks are right for 8x4, but for "
     "linear "
     "too"},
    {"d_overlaps_a", [](Args &x) { x.d.pointer = x.a.pointer + 158; },
     "d: expected an output that overlaps no input"},
    {"d_overlaps_b", [](Args &x) { x.d.pointer = x.b.pointer - 2; },
     "bytes of b at"},
    {"d_overlaps_sfa", [](Args &x) { x.d.pointer = x.a_scales.pointer + 510; },
     "bytes of a_scales at"},
    {"d_overlaps_sfb", [](Args &x) { x.d.pointer = x.b_scales.pointer; },
     "bytes of b_scales at"},
    {"d_overlaps_alpha",
     [](Args &x) {
       x.alpha = {NYBL_SCALAR_DEVICE, NYBL_CONVENTION_DECODE, x.d.pointer + 4,
                  0, 0};
     },
     "bytes of alpha at"},
    {"alpha_missing", [](Args &x) { x.alpha = {}; },
     "alpha.kind: expected 1 (device pointer) or 2 (host value), since the "
     "problem "
     "says alpha=tensor, got 0"},
    {"alpha_convention", [](Args &x) { x.alpha.convention = 0; },
     "alpha.convention: expected 1 (decode"},
    {"alpha_reserved", [](Args &x) { x.alpha.reserved = 1; },
     "alpha.reserved: expected 0, got 1"},
    {"alpha_nan", [](Args &x) { x.alpha.value = std::nanf(""); },
     "alpha.value: expected a finite, non-zero number with a finite "
     "reciprocal, got "
     "nan"},
    {"alpha_inf", [](Args &x) { x.alpha.value = -inf; }, "got -inf"},
    {"alpha_zero", [](Args &x) { x.alpha.value = 0; }, "got 0"},
    {"alpha_negative_zero", [](Args &x) { x.alpha.value = -0.0f; }, "got -0"},
    {"alpha_tiny", [](Args &x) { x.alpha.value = 1e-40f; },
     "finite reciprocal"},
    {"alpha_device_null",
     [](Args &x) {
       x.alpha = {NYBL_SCALAR_DEVICE, NYBL_CONVENTION_DECODE, 0, 0, 0};
     },
     "alpha.pointer: expected the address of one f32"},
    {"alpha_device_alignment",
     [](Args &x) {
       x.alpha = {NYBL_SCALAR_DEVICE, NYBL_CONVENTION_ENCODE, 6, 0, 0};
     },
     "alpha.pointer: expected the address of one f32 in device memory, a "
     "multiple of "
     "4, got 0x6"},
};

INSTANTIATE_TEST_SUITE_P(Table, Refusal, testing::ValuesIn(rows),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

TEST(Recipe, AcceptsWhatIsRight) {
  GemmProblem problem = problemOf(line);
  Recipe recipe = recipeOf(problem);
  Args args = argumentsFor(problem, 5);
  EXPECT_TRUE(recipe.check(args));
  args.a.row_stride = 48, args.a.bytes = 4 * 48 + 32;
  EXPECT_TRUE(recipe.check(args)) << "the last row needs no stride";
  args.a_scales.rows_allocated = 256, args.a_scales.bytes = 1024;
  EXPECT_TRUE(recipe.check(args)) << "a buffer made for more rows";
  args.a_scales.trust_layout = 0;
  args.a_scales.rows_allocated = 5, args.a_scales.bytes = 512;
  EXPECT_TRUE(recipe.check(args)) << "512 bytes for 5 rows can only be 128x4";
  args.alpha = {NYBL_SCALAR_HOST, NYBL_CONVENTION_ENCODE, 0, -1e-38f, 0};
  EXPECT_TRUE(recipe.check(args));
  args.d.pointer = args.a.pointer + args.a.bytes;
  EXPECT_TRUE(recipe.check(args)) << "touching is not overlapping";
}

TEST(Recipe, NothingToDoChecksRowsAlone) {
  GemmProblem problem = problemOf(line);
  Recipe recipe = recipeOf(problem);
  Args nothing = {};
  nothing.size = sizeof nothing;
  EXPECT_TRUE(recipe.check(nothing));
  EXPECT_EQ(recipe.tiles(0), 0);
  GemmProblem least = problemOf("gemm m=1..32 n=8 k=16");
  Status status = recipeOf(least).check(nothing);
  EXPECT_NE(status.message().find("m: expected 1 to 32 rows"),
            std::string::npos);
}

TEST(Recipe, UnitsThatAreNoPowerOfTwo) {
  GemmProblem problem = problemOf(line);
  Manifest manifest = plainManifest(problem);
  manifest.preconditions.push_back({"alignment", "a", 48});
  manifest.preconditions.push_back({"stride_multiple", "a", 12});
  auto recipe = Recipe::make(manifest, problem);
  ASSERT_TRUE(recipe) << recipe.message();
  Args args = argumentsFor(problem, 5);
  args.a = {48 * 1000, 480, 48};
  EXPECT_TRUE(recipe->check(args)) << recipe->check(args).message();
  args.a.pointer += 16;
  EXPECT_NE(recipe->check(args).message().find("a multiple of 48 bytes"),
            std::string::npos);
  args.a = {48 * 1000, 480, 64};
  EXPECT_NE(recipe->check(args).message().find("a multiple of 12 bytes"),
            std::string::npos);
}

TEST(Recipe, RowsBeyondTheCertificate) {
  GemmProblem problem = problemOf("gemm n=8 k=16");
  Status status = recipeOf(problem).check(argumentsFor(problem, 100001));
  EXPECT_EQ(
      status.message(),
      "m: expected at most 100000 rows, what the certificate holds for, got "
      "100001");
}

TEST(Recipe, AlphaNoneTakesNone) {
  GemmProblem problem = problemOf("gemm n=8 k=16 alpha=none");
  Recipe recipe = recipeOf(problem);
  Args args = argumentsFor(problem, 4);
  EXPECT_TRUE(recipe.check(args)) << recipe.check(args).message();
  Packed block(recipe, args);
  EXPECT_EQ(block[8], 0u);
  EXPECT_EQ(uint32_t(block[9]), std::bit_cast<uint32_t>(1.0f));
  EXPECT_EQ(uint32_t(block[10]), 0u);
  args.alpha = {NYBL_SCALAR_HOST, NYBL_CONVENTION_DECODE, 0, 2, 0};
  EXPECT_NE(recipe.check(args).message().find("alpha=none, got 2"),
            std::string::npos);
}

TEST(Recipe, PacksInTheManifestsOrder) {
  GemmProblem problem = problemOf(line);
  Recipe recipe = recipeOf(problem);
  Args args = argumentsFor(problem, 5);
  args.a.row_stride = 40, args.a.bytes = 200;
  Packed block(recipe, args);
  ASSERT_EQ(block.size(), 12u);
  const uint64_t expected[] = {0x10000000, 40,
                               0x20000000, 0x30000000,
                               32,         0x40000000,
                               0x50000000, 48,
                               0,          std::bit_cast<uint32_t>(0.5f),
                               0,          5};
  for (size_t i = 0; i < 12; ++i) {
    EXPECT_EQ(block[i], expected[i]) << "parameter " << i;
    EXPECT_EQ(*static_cast<uint64_t *>(block.data()[i]), expected[i]);
  }
  args.alpha = {NYBL_SCALAR_DEVICE, NYBL_CONVENTION_ENCODE, 0x60000000, 7, 0};
  Packed other(recipe, args);
  EXPECT_EQ(other[8], 0x60000000u);
  EXPECT_EQ(other[10], 1u);
}

/// N and K of the plan, and what follows from them, are parameters and bounds.
TEST(Recipe, AnyNAndK) {
  GemmProblem problem = problemOf("gemm n=24 k=160 sfa=128x4 sfb=linear");
  auto recipe = Recipe::make(genericManifest(problem), problem);
  ASSERT_TRUE(recipe) << recipe.message();
  nybl_gemm_args args = argumentsFor(problem, 5);
  EXPECT_TRUE(recipe->check(args)) << recipe->check(args).message();
  Packed block(*recipe, args);
  ASSERT_EQ(block.size(), 16u);
  EXPECT_EQ(block[12], 24u);
  EXPECT_EQ(block[13], 10u);
  EXPECT_EQ(block[14], 3u * 512) << "three words of K blocks";
  EXPECT_EQ(block[15], 10u) << "a row";
  args.b.bytes -= 1;
  EXPECT_NE(recipe->check(args).message().find(
                "for 24 rows of 80 bytes at a stride of 80"),
            std::string::npos)
      << recipe->check(args).message();
  args = argumentsFor(problem, 5);
  args.d.row_stride = 46;
  EXPECT_NE(recipe->check(args).message().find("expected at least 48"),
            std::string::npos)
      << recipe->check(args).message();
}

TEST(Recipe, AnyNAndKWithinBounds) {
  auto messageOf = [](const char *line, auto spoil) {
    GemmProblem problem = problemOf(line);
    Manifest manifest = genericManifest(problem);
    manifest.chip = "sm_1a";
    spoil(manifest);
    return Recipe::make(manifest, problem).message();
  };
  auto asItIs = [](Manifest &) {};
  auto without = [](const char *check) {
    return [=](Manifest &m) {
      std::erase_if(m.preconditions,
                    [&](const Precondition &p) { return p.check == check; });
    };
  };
  EXPECT_EQ(messageOf("gemm n=4097 k=64", asItIs),
            "the generic kernel on sm_1a: expected n of at most 4096, got "
            "4097");
  EXPECT_EQ(messageOf("gemm n=8 k=8224", asItIs),
            "the generic kernel on sm_1a: expected k of at most 8192, got "
            "8224");
  EXPECT_EQ(messageOf("gemm n=8 k=48", asItIs),
            "the generic kernel on sm_1a: expected k to be a multiple of 32, "
            "got 48");
  EXPECT_NE(messageOf("gemm m=? n=? k=?", asItIs)
                .find("expected numbers for n and k"),
            std::string::npos);
  for (const char *check : {"n_max", "k_max", "k_multiple"})
    EXPECT_NE(messageOf("gemm n=8 k=64", without(check))
                  .find(std::string("expected a precondition '") + check),
              std::string::npos);
  EXPECT_NE(messageOf("gemm n=8 k=64", without("rows_fit_blocks"))
                .find("'rows_fit' of operand 'a'"),
            std::string::npos);
  EXPECT_NE(messageOf("gemm n=8 k=64",
                      [](Manifest &m) {
                        m.preconditions.push_back({"n_max", "k", 100});
                      })
                .find("precondition 'n_max' of operand 'k'"),
            std::string::npos);
  EXPECT_NE(messageOf("gemm n=8 k=64",
                      [](Manifest &m) { m.parameters.back().type = "f32"; })
                .find("('sfb.tile_stride' as f32)"),
            std::string::npos);
}

/// What a bundle may say that nobody's compiler would.
TEST(Recipe, AnyNAndKOfWrongManifests) {
  GemmProblem problem = problemOf("gemm n=48 k=64");
  auto messageOf = [&](auto spoil) {
    Manifest manifest = genericManifest(problem);
    spoil(manifest);
    return Recipe::make(manifest, problem).message();
  };
  auto valued = [&](const char *check, int64_t value) {
    return messageOf([&](Manifest &m) {
      for (Precondition &p : m.preconditions)
        if (p.check == check)
          p.value = value;
    });
  };
  for (auto [check, value] :
       {std::pair("rows_fit_columns", int64_t(1) << 60),
        std::pair("rows_fit_blocks", int64_t(-1)),
        std::pair("n_max", int64_t(-5)), std::pair("k_max", int64_t(1) << 40),
        std::pair("k_multiple", int64_t(0))})
    EXPECT_NE(valued(check, value).find("with a value from 1 to"),
              std::string::npos)
        << check;
  auto retyped = [&](const char *source, const char *other, const char *type) {
    return messageOf([&](Manifest &m) {
      for (KernelParameter &p : m.parameters)
        if (p.source == source)
          p = {other, type};
    });
  };
  EXPECT_NE(retyped("n", "k.blocks", "i32").find("expected one parameter 'n'"),
            std::string::npos);
  EXPECT_NE(retyped("sfa.tile_stride", "sfa.tile_stride", "i32")
                .find("('sfa.tile_stride' as i32)"),
            std::string::npos);
}

TEST(Recipe, CountsTiles) {
  Recipe recipe = recipeOf(problemOf("gemm n=136 k=16"));
  EXPECT_EQ(recipe.tiles(1), 5);
  EXPECT_EQ(recipe.tiles(64), 5);
  EXPECT_EQ(recipe.tiles(65), 10);
  EXPECT_GT(recipe.tiles(INT64_MAX), 0) << "must not wrap";
}

/// Manifests the runtime cannot obey are refused as a whole.
TEST(Recipe, ManifestsNotUnderstood) {
  GemmProblem problem = problemOf(line);
  auto messageOf = [&](auto spoil) {
    Manifest manifest = plainManifest(problem);
    spoil(manifest);
    auto recipe = Recipe::make(manifest, problem);
    EXPECT_FALSE(recipe);
    EXPECT_EQ(recipe.status().code(), ErrorCode::Invalid);
    return recipe.message();
  };
  auto holds = [](const std::string &message, const char *part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  holds(messageOf(
            [](Manifest &m) { m.preconditions.push_back({"moon", "a", 1}); }),
        "precondition 'moon' of operand 'a'");
  holds(messageOf([](Manifest &m) {
          m.preconditions.push_back({"rows_fit", "sfa", 1});
        }),
        "precondition 'rows_fit' of operand 'sfa'");
  holds(messageOf([](Manifest &m) {
          m.preconditions.push_back({"rows_max", "x", 1});
        }),
        "operand 'x'");
  holds(messageOf([](Manifest &m) { m.preconditions[0].value = -8; }),
        "with value -8");
  holds(
      messageOf([](Manifest &m) { m.parameters.push_back({"c", "pointer"}); }),
      "kernel parameter 12 ('c' as pointer)");
  holds(messageOf([](Manifest &m) { m.parameters[0].type = "i64"; }),
        "kernel parameter 0 ('a' as i64)");
  holds(messageOf([](Manifest &m) { m.parameters[0].source = "sfa.stride"; }),
        "'sfa.stride'");
  holds(messageOf([](Manifest &m) {
          m.parameters.assign(ParameterBlock::capacity + 1, {"a", "pointer"});
        }),
        "kernel parameter 32");
  holds(messageOf([](Manifest &m) { m.preconditions.clear(); }),
        "expected a precondition 'rows_fit' of operand 'a'");
  holds(messageOf([](Manifest &m) { m.tileN = 0; }), "64 x 0");
}

} // namespace
