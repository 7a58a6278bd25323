// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The demo's layer in FP32: embeddings, layer norm, product, distances.
#include "tests/EndToEnd/Demo/Layer.h"
#include "runtime/Support/Safetensors.h"
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>

using namespace nybl;
using namespace nybl::demo;

/// An FP32 tensor as a matrix: [cols] counts as [1][cols].
static Status load(const SafetensorsFile &file, std::string_view name,
                   int64_t cols, FloatMatrix &matrix) {
  Expected<const Tensor *> tensor = file.require(name);
  if (!tensor)
    return tensor.status();
  const std::vector<int64_t> &shape = (*tensor)->shape;
  bool isMatrix = shape.size() == 1 || shape.size() == 2;
  if ((*tensor)->dtype != "F32" || !isMatrix || shape.back() != cols)
    return Status::invalid(fmt::format(
        "expected F32 of shape [{1}] or [.., {1}] for '{0}', got {2} of shape "
        "[{3}] in {4}",
        name, cols, (*tensor)->dtype, fmt::join(shape, ", "), file.path()));
  matrix = {shape.size() == 2 ? shape[0] : 1, cols, {}};
  matrix.values.resize(matrix.rows * cols);
  std::memcpy(matrix.values.data(), (*tensor)->bytes.data(),
              (*tensor)->bytes.size());
  return Status::ok();
}

Expected<Model> nybl::demo::loadModel(const std::string &folder) {
  constexpr int64_t width = 384;
  Expected<SafetensorsFile> file =
      SafetensorsFile::read(folder + "/model.safetensors");
  if (!file)
    return file.status();
  Model model;
  for (auto [name, matrix] :
       {std::pair("embeddings.word_embeddings.weight", &model.word),
        std::pair("embeddings.position_embeddings.weight", &model.position),
        std::pair("embeddings.token_type_embeddings.weight", &model.tokenType),
        std::pair("embeddings.LayerNorm.weight", &model.gamma),
        std::pair("embeddings.LayerNorm.bias", &model.beta),
        std::pair("encoder.layer.0.intermediate.dense.weight", &model.weight)})
    if (Status s = load(*file, name, width, *matrix); !s)
      return s;
  return model;
}

static void normalise(const FloatMatrix &gamma, const FloatMatrix &beta,
                      std::span<float> row) {
  double mean = 0, variance = 0;
  for (float x : row)
    mean += x;
  mean /= row.size();
  for (float x : row)
    variance += (x - mean) * (x - mean);
  double scale = 1 / std::sqrt(variance / row.size() + 1e-12);
  for (size_t i = 0; i < row.size(); ++i)
    row[i] = static_cast<float>((row[i] - mean) * scale * gamma.values[i] +
                                beta.values[i]);
}

Status nybl::demo::appendActivations(const Model &model,
                                     std::span<const int32_t> ids,
                                     FloatMatrix &activations) {
  int64_t length = static_cast<int64_t>(ids.size());
  if (length > model.position.rows)
    return Status::invalid(
        fmt::format("expected at most {} tokens in a sentence, got {}",
                    model.position.rows, length));
  activations.cols = model.word.cols;
  for (int64_t place = 0; place < length; ++place) {
    if (ids[place] < 0 || ids[place] >= model.word.rows)
      return Status::invalid(
          fmt::format("expected a token below {}, got {} at place {}",
                      model.word.rows, ids[place], place));
    auto word = model.word.row(ids[place]);
    auto position = model.position.row(place);
    auto type = model.tokenType.row(0);
    std::vector<float> row(word.begin(), word.end());
    for (size_t i = 0; i < row.size(); ++i)
      row[i] += position[i] + type[i];
    normalise(model.gamma, model.beta, row);
    activations.values.insert(activations.values.end(), row.begin(), row.end());
    ++activations.rows;
  }
  return Status::ok();
}

FloatMatrix nybl::demo::multiplyTransposed(const FloatMatrix &x,
                                           const FloatMatrix &w) {
  FloatMatrix result{x.rows, w.rows, {}};
  result.values.reserve(x.rows * w.rows);
  for (int64_t m = 0; m < x.rows; ++m)
    for (int64_t n = 0; n < w.rows; ++n) {
      std::span<const float> a = x.row(m), b = w.row(n);
      double sum = 0;
      for (int64_t k = 0; k < x.cols; ++k)
        sum += static_cast<double>(a[k]) * b[k];
      result.values.push_back(static_cast<float>(sum));
    }
  return result;
}

Distance nybl::demo::distance(std::span<const float> got,
                              std::span<const float> wanted) {
  double gg = 0, ww = 0, gw = 0, dd = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    double g = got[i], w = wanted[i];
    gg += g * g;
    ww += w * w;
    gw += g * w;
    dd += (g - w) * (g - w);
  }
  return {std::sqrt(dd / ww), gw / std::sqrt(gg * ww), std::sqrt(gg / ww)};
}
