// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The FP32 layer of the demo on numbers worked out by hand, and the model's
// shapes.
#include "tests/EndToEnd/Demo/Layer.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::demo;

/// Two words, two positions, width 2.
static Model tiny() {
  Model model;
  model.word = {2, 2, {1, 3, 10, 10}};
  model.position = {2, 2, {0, 0, 2, -2}};
  model.tokenType = {2, 2, {1, 1, 9, 9}};
  model.gamma = {1, 2, {2, 3}};
  model.beta = {1, 2, {0.5f, -0.5f}};
  return model;
}

TEST(Layer, ActivationsAreNormalisedSums) {
  FloatMatrix x;
  ASSERT_TRUE(appendActivations(tiny(), std::vector<int32_t>{0, 1}, x));
  // Sums (2, 4) and (13, 9): mean 3 and 11, deviation 1 and 2.
  EXPECT_EQ(x.rows, 2);
  EXPECT_EQ(x.cols, 2);
  EXPECT_EQ(x.values, (std::vector<float>{-1.5f, 2.5f, 2.5f, -3.5f}));
}

TEST(Layer, PositionsBeginAnewWithEachSentence) {
  FloatMatrix x;
  ASSERT_TRUE(appendActivations(tiny(), std::vector<int32_t>{0}, x));
  ASSERT_TRUE(appendActivations(tiny(), std::vector<int32_t>{0}, x));
  ASSERT_EQ(x.rows, 2);
  EXPECT_EQ(x.values[0], x.values[2]);
  EXPECT_EQ(x.values[1], x.values[3]);
}

TEST(Layer, RefusesTokensAndLengthsOutsideTheTables) {
  FloatMatrix x;
  EXPECT_FALSE(appendActivations(tiny(), std::vector<int32_t>{2}, x));
  EXPECT_FALSE(appendActivations(tiny(), std::vector<int32_t>{-1}, x));
  EXPECT_FALSE(appendActivations(tiny(), std::vector<int32_t>{0, 0, 0}, x));
}

TEST(Layer, ProductWithTheTransposed) {
  FloatMatrix x{2, 3, {1, 2, 3, 4, 5, 6}}, w{2, 3, {1, 0, -1, 2, 1, 0}};
  FloatMatrix d = multiplyTransposed(x, w);
  EXPECT_EQ(d.rows, 2);
  EXPECT_EQ(d.cols, 2);
  EXPECT_EQ(d.values, (std::vector<float>{-2, 4, -2, 13}));
}

TEST(Layer, DistancesSeeScaleAndDirection) {
  std::vector<float> wanted = {3, 4}, twice = {6, 8}, across = {-4, 3};
  EXPECT_DOUBLE_EQ(distance(wanted, wanted).relativeError, 0);
  EXPECT_DOUBLE_EQ(distance(twice, wanted).relativeError, 1);
  EXPECT_DOUBLE_EQ(distance(twice, wanted).cosine, 1);
  EXPECT_DOUBLE_EQ(distance(twice, wanted).normRatio, 2);
  EXPECT_DOUBLE_EQ(distance(across, wanted).cosine, 0);
  EXPECT_DOUBLE_EQ(distance(across, wanted).relativeError, std::sqrt(2.0));
}

TEST(Layer, TheModelHasTheShapesOfMiniLm) {
  Expected<Model> model = loadModel(NYBL_MODEL_DIR);
  ASSERT_TRUE(model) << model.message();
  EXPECT_EQ(model->word.rows, 30522);
  EXPECT_EQ(model->position.rows, 512);
  EXPECT_EQ(model->tokenType.rows, 2);
  EXPECT_EQ(model->weight.rows, 1536);
  for (const FloatMatrix *matrix :
       {&model->word, &model->position, &model->tokenType, &model->gamma,
        &model->beta, &model->weight}) {
    EXPECT_EQ(matrix->cols, 384);
    EXPECT_EQ(matrix->values.size(), size_t(matrix->rows * 384));
    for (float value : matrix->row(matrix->rows - 1))
      ASSERT_TRUE(std::isfinite(value));
  }
}

TEST(Layer, AMissingModelIsAnEnvironmentError) {
  Expected<Model> model = loadModel("/does/not/exist");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.status().code(), ErrorCode::Environment);
  EXPECT_NE(model.message().find("/does/not/exist"), std::string::npos);
}
