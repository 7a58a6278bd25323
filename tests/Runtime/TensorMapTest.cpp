// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor maps of a launch against a driver that records: what is encoded, from
// which manifests, and where it lies among the parameters.

#include "runtime/Launch/Recipe.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Runtime/Manifests.h"
#include "tests/Runtime/RecordingDriver.h"
#include <gtest/gtest.h>
#include <memory>

using namespace nybl;
using namespace nybl::launch;
using namespace nybl::tests;

namespace {

class TensorMaps : public testing::Test {
protected:
  void SetUp() override {
    auto opened = driver::Driver::open(NYBL_TEST_RECORDING_DRIVER);
    ASSERT_TRUE(opened) << opened.message();
    api = *opened;
    state = restartRecording(NYBL_TEST_RECORDING_DRIVER);
    ASSERT_TRUE(state);
  }

  /// The message of the refusal.
  static std::string refusalOf(const GemmProblem &problem,
                               const Manifest &manifest) {
    auto recipe = Recipe::make(manifest, problem);
    EXPECT_FALSE(recipe);
    EXPECT_EQ(recipe.status().code(), ErrorCode::Invalid);
    return recipe.message();
  }

  std::shared_ptr<const driver::Driver> api;
  RecordingState *state = nullptr;
  // N = 40: 80 bytes of bf16; K = 160: 80 bytes.
  GemmProblem problem =
      *parseProblem("gemm m=? n=40 k=160 sfa=linear sfb=linear d=bf16");
};

void expectMap(const RecordedMap &got, const RecordedMap &expected) {
  EXPECT_EQ(got.type, CU_TENSOR_MAP_DATA_TYPE_UINT8);
  EXPECT_EQ(got.rank, 2u);
  EXPECT_EQ(got.address, expected.address);
  EXPECT_EQ(got.sizes[0], expected.sizes[0]);
  EXPECT_EQ(got.sizes[1], expected.sizes[1]);
  EXPECT_EQ(got.stride, expected.stride);
  EXPECT_EQ(got.box[0], expected.box[0]);
  EXPECT_EQ(got.box[1], expected.box[1]);
  EXPECT_EQ(got.elementStrides[0], 1u);
  EXPECT_EQ(got.elementStrides[1], 1u);
  EXPECT_EQ(got.interleave, CU_TENSOR_MAP_INTERLEAVE_NONE);
  EXPECT_EQ(got.swizzle, expected.swizzle);
  EXPECT_EQ(got.promotion, CU_TENSOR_MAP_L2_PROMOTION_L2_128B);
  EXPECT_EQ(got.fill, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
}

RecordedMap mapOf(uint64_t address, uint64_t rowBytes, uint64_t rows,
                  uint64_t stride, unsigned boxBytes, unsigned boxRows,
                  CUtensorMapSwizzle swizzle) {
  RecordedMap map = {};
  map.address = address;
  map.sizes[0] = rowBytes, map.sizes[1] = rows;
  map.stride = stride;
  map.box[0] = boxBytes, map.box[1] = boxRows;
  map.swizzle = swizzle;
  return map;
}

TEST_F(TensorMaps, AreEncodedInThePlaceOfTheirParameters) {
  auto recipe = Recipe::make(mapManifest(problem), problem);
  ASSERT_TRUE(recipe) << recipe.message();
  nybl_gemm_args args = argumentsFor(problem, 21);
  args.a.row_stride = 96, args.a.bytes = 21 * 96;
  args.d.row_stride = 112, args.d.bytes = 21 * 112;
  ASSERT_TRUE(recipe->check(args)) << recipe->check(args).message();
  ParameterBlock block;
  Status packed = recipe->pack(args, *api, block);
  ASSERT_TRUE(packed) << packed.message();
  ASSERT_EQ(state->encodeCount, 3);
  expectMap(state->encoded[0], mapOf(0x50000000, 80, 21, 112, 256, 32,
                                     CU_TENSOR_MAP_SWIZZLE_NONE));
  expectMap(state->encoded[1],
            mapOf(0x10000000, 80, 21, 96, 64, 128, CU_TENSOR_MAP_SWIZZLE_64B));
  expectMap(state->encoded[2],
            mapOf(0x30000000, 80, 40, 80, 16, 256, CU_TENSOR_MAP_SWIZZLE_32B));
  ASSERT_EQ(block.size(), 5u);
  EXPECT_EQ(block[1], 21u);
  EXPECT_EQ(block[3], 0x50000000u);
  for (auto [call, parameter] : {std::pair(0, 0), {1, 2}, {2, 4}}) {
    const void *at = block.data()[parameter];
    EXPECT_EQ(at, state->encoded[call].to);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(at) % 64, 0u);
    for (int i = 0; i < 16; ++i)
      EXPECT_EQ(static_cast<const uint64_t *>(at)[i], mapWord(call, i));
  }
}

TEST_F(TensorMaps, TheWidestSwizzleAndTheElementsOfD) {
  for (auto [line, rowBytes] : {std::pair("gemm m=? n=48 k=16 d=f32", 192u),
                                {"gemm m=? n=48 k=16 d=f16", 96u}}) {
    std::construct_at(state);
    GemmProblem other = *parseProblem(line);
    Manifest manifest = mapManifest(other);
    manifest.tensorMaps[2] = {"d", 1, 128, 128};
    auto recipe = Recipe::make(manifest, other);
    ASSERT_TRUE(recipe) << recipe.message();
    ParameterBlock block;
    ASSERT_TRUE(recipe->pack(argumentsFor(other, 3), *api, block));
    expectMap(state->encoded[0], mapOf(0x50000000, rowBytes, 3, rowBytes, 128,
                                       1, CU_TENSOR_MAP_SWIZZLE_128B));
    EXPECT_EQ(state->encoded[1].sizes[0], 8u) << "K = 16: 8 bytes";
  }
}

TEST_F(TensorMaps, AFailureNamesOperandSizesAndTheDriversError) {
  auto recipe = Recipe::make(mapManifest(problem), problem);
  ASSERT_TRUE(recipe) << recipe.message();
  state->settings.encodeResult = CUDA_ERROR_ILLEGAL_ADDRESS;
  ParameterBlock block;
  Status packed = recipe->pack(argumentsFor(problem, 5), *api, block);
  EXPECT_EQ(packed.code(), ErrorCode::Environment);
  EXPECT_EQ(packed.message(),
            "cuTensorMapEncodeTiled failed: CUDA_ERROR_ILLEGAL_ADDRESS (700), "
            "as the test asked; asked for the tensor map of d: 5 rows of 80 "
            "bytes at a stride of 80 from 0x50000000, in boxes of 32 rows of "
            "256 bytes with a swizzle of 0");
  EXPECT_EQ(state->encodeCount, 1);
}

struct Demand {
  const char *check, *operand;
  int64_t tooWeak, enough;
  const char *message;
};

const Demand demands[] = {
    {"alignment", "a", 8, 16, "'alignment' of it with a multiple of 16"},
    {"alignment", "b", 24, 48, "'alignment' of it with a multiple of 16"},
    {"alignment", "d", 0, 1024, "'alignment' of it with a multiple of 16"},
    {"stride_multiple", "a", 8, 16,
     "'stride_multiple' of it with a multiple of 16"},
    {"stride_multiple", "d", 2, 32,
     "'stride_multiple' of it with a multiple of 16"},
    {"stride_max", "b", int64_t(1) << 40, (int64_t(1) << 40) - 1,
     "'stride_max' of it below 2^40"},
    {"rows_fit", "a", 79, 80, "'rows_fit' of it with all bytes of a row"},
    {"rows_max", "m", (int64_t(1) << 32) + 1, int64_t(1) << 32,
     "'rows_max' of 'm' of at most 2^32"}};

/// A launch must not fail for what its manifest forgot to ask.
TEST_F(TensorMaps, TheirPreconditionsAreDemanded) {
  for (const Demand &row : demands) {
    Manifest manifest = mapManifest(problem);
    auto at =
        std::find_if(manifest.preconditions.begin(),
                     manifest.preconditions.end(), [&](const Precondition &p) {
                       return p.check == row.check && p.operand == row.operand;
                     });
    ASSERT_NE(at, manifest.preconditions.end());
    at->value = row.enough;
    EXPECT_TRUE(Recipe::make(manifest, problem)) << row.message;
    at->value = row.tooWeak;
    std::string refusal = refusalOf(problem, manifest);
    EXPECT_NE(refusal.find(row.message), refusal.npos) << refusal;
    // rows_fit is missed earlier where there is none at all.
    manifest.preconditions.erase(at);
    refusal = refusalOf(problem, manifest);
    EXPECT_NE(refusal.find(row.check), refusal.npos) << refusal;
  }
}

TEST_F(TensorMaps, RowsOfMoreBytesThanAMapHolds) {
  GemmProblem wide = *parseProblem("gemm m=? n=1073741824 k=16 d=f32");
  auto fits = Recipe::make(mapManifest(wide), wide);
  EXPECT_TRUE(fits) << fits.message();
  wide = *parseProblem("gemm m=? n=1073741825 k=16 d=f32");
  EXPECT_EQ(refusalOf(wide, mapManifest(wide)),
            "manifest: operand 'd' has a tensor map: expected rows of at most "
            "2^32 bytes, got 4294967300");
}

TEST_F(TensorMaps, AnOperandWithoutOneNeedsNoneOfThat) {
  Manifest manifest = plainManifest(problem);
  manifest.parameters.push_back({"a.map", "tensor_map"});
  manifest.tensorMaps = {{"a", 128, 64, 64}};
  for (Precondition &p : manifest.preconditions)
    if (p.operand == "a" && p.check != "rows_fit")
      p.value = p.check == "stride_max" ? 1 << 20 : 16;
  auto recipe = Recipe::make(manifest, problem);
  EXPECT_TRUE(recipe) << recipe.message();
}

TEST_F(TensorMaps, ManifestsNotUnderstood) {
  auto refuses = [&](auto spoil, const char *part) {
    Manifest manifest = mapManifest(problem);
    spoil(manifest);
    std::string refusal = refusalOf(problem, manifest);
    EXPECT_NE(refusal.find(part), refusal.npos) << refusal;
  };
  refuses([](Manifest &m) { m.tensorMaps[0].boxRows = 257; },
          "tensor_maps[0].box_rows': expected 1 to 256, got 257");
  refuses([](Manifest &m) { m.tensorMaps.pop_back(); },
          "parameters[0].source': expected the map of an operand");
  refuses([](Manifest &m) { m.parameters.pop_back(); },
          "expected a parameter 'b.map'");
  refuses([](Manifest &m) { m.parameters.push_back({"a.map", "pointer"}); },
          "kernel parameter 5 ('a.map' as pointer) is not understood");
}

TEST_F(TensorMaps, WhatTheyAskForIsCheckedAtLaunch) {
  auto recipe = Recipe::make(mapManifest(problem), problem);
  ASSERT_TRUE(recipe) << recipe.message();
  nybl_gemm_args args = argumentsFor(problem, 5);
  args.b.pointer += 8;
  EXPECT_EQ(recipe->check(args).message(),
            "b.pointer: expected a multiple of 16 bytes, got 0x30000008");
  args = argumentsFor(problem, 5);
  args.d.row_stride = 88, args.d.bytes = 5 * 88;
  EXPECT_EQ(recipe->check(args).message(),
            "d.row_stride: expected a multiple of 16 bytes, got 88");
}

} // namespace
