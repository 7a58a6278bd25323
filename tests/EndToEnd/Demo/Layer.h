// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the demo needs of a BERT model: token embeddings, layer-normalised, are
// the activations X; the first layer's intermediate.dense holds the weights W.
// The FP32 layer is X * W^T, without bias and GELU.
#ifndef NYBL_TESTS_ENDTOEND_DEMO_LAYER_H
#define NYBL_TESTS_ENDTOEND_DEMO_LAYER_H

#include "runtime/Abi/Status.h"
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nybl::demo {

/// A row-major FP32 matrix.
struct FloatMatrix {
  int64_t rows = 0, cols = 0;
  std::vector<float> values;

  std::span<const float> row(int64_t r) const {
    return std::span(values).subspan(r * cols, cols);
  }
};

struct Model {
  FloatMatrix word, position, tokenType; ///< embeddings, [count][width]
  FloatMatrix gamma, beta;               ///< of the layer norm, [1][width]
  FloatMatrix weight;                    ///< [outputs][width]
};

/// Reads FOLDER/model.safetensors, of width 384. Errors: Environment (no file),
/// Invalid (a tensor is missing, or is not FP32 of a fitting shape).
Expected<Model> loadModel(const std::string &folder);

/// Appends one row of activations for each token of a sentence:
/// LayerNorm(word[id] + position[place] + tokenType[0]), epsilon 1e-12.
/// Error: an id or the length is outside the tables.
Status appendActivations(const Model &model, std::span<const int32_t> ids,
                         FloatMatrix &activations);

/// X * W^T, summed in double.
FloatMatrix multiplyTransposed(const FloatMatrix &x, const FloatMatrix &w);

/// How far `got` is from `wanted`, as whole matrices of the same shape.
struct Distance {
  double relativeError; ///< |got - wanted| / |wanted|, Frobenius
  double cosine, normRatio;
};
Distance distance(std::span<const float> got, std::span<const float> wanted);

} // namespace nybl::demo

#endif // NYBL_TESTS_ENDTOEND_DEMO_LAYER_H
