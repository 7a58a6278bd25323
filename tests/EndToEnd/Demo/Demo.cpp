// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The demo: one FFN layer of a real model in NVFP4. Sentences become
// activations, activations and weights are quantised, a generated kernel
// multiplies them on the emulated chip, and the result is held against the
// oracle (the same numbers, exactly) and the FP32 layer (what NVFP4 costs).
//   nybl-demo --model FOLDER [--out FOLDER] [--driver PATH]
#include "tests/EndToEnd/Demo/Device.h"
#include "tests/EndToEnd/Demo/Layer.h"
#include "tests/EndToEnd/Demo/WordPiece.h"
#include "tests/Oracle/Gate.h"
#include "tests/Oracle/Quantize.h"
#include <chrono>
#include <cmath>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>

using namespace nybl;
using namespace nybl::demo;

namespace {

constexpr std::string_view kSentences[] = {
    "A kernel is a page of text, and a proof says what it may touch.",
    "Four bits hold a sign, two bits of exponent and one of mantissa.",
    "Sixteen neighbours share one scale; 448 is the largest it can be.",
    "The last tile is rarely full, so its padding must never matter.",
    "Measure twice, multiply once!",
};

/// NVFP4 costs a layer like this 13 to 14 %; far above that,
/// something is wrong that the oracle cannot see (it shares the quantiser).
constexpr double kLargestError = 0.2, kNormTolerance = 0.02;

struct Options {
  std::string model, out = "demo", driver;
};

struct Quantized {
  oracle::QuantizedMatrix matrix;
  oracle::DecodeScale decode{1.0f};
};

Expected<Options> parse(int argc, char **argv) {
  Options options;
  std::error_code error;
  options.driver =
      std::filesystem::read_symlink("/proc/self/exe", error).parent_path() /
      "../lib/emu/libcuda.so.1";
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    std::string *target = word == "--model"    ? &options.model
                          : word == "--out"    ? &options.out
                          : word == "--driver" ? &options.driver
                                               : nullptr;
    if (!target || i + 1 == argc)
      return Status::invalid(
          fmt::format("expected --model FOLDER, --out FOLDER "
                      "or --driver PATH, got '{}'",
                      word));
    *target = argv[++i];
  }
  if (options.model.empty())
    return Status::invalid("expected --model FOLDER, it is missing");
  return options;
}

Expected<FloatMatrix> activations(const Options &options, const Model &model) {
  std::string path = options.model + "/vocab.txt";
  std::ifstream file(path, std::ios::binary);
  if (!file)
    return Status::environment("expected the vocabulary at " + path +
                               ", it cannot be opened; run './dev demo'");
  std::string text(std::istreambuf_iterator<char>(file), {});
  Expected<WordPiece> tokeniser = WordPiece::fromVocabulary(text);
  if (!tokeniser)
    return tokeniser.status();
  FloatMatrix result;
  for (std::string_view sentence : kSentences) {
    auto ids = tokeniser->encode(sentence);
    if (!ids)
      return ids.status();
    if (Status s = appendActivations(model, *ids, result); !s)
      return s;
  }
  return result;
}

Expected<Quantized> quantise(const FloatMatrix &matrix) {
  auto encode =
      oracle::encodeScaleFor(oracle::maxMagnitude(std::span(matrix.values)));
  if (!encode)
    return encode.status();
  auto result =
      oracle::quantize(matrix.values, matrix.rows, matrix.cols, *encode);
  if (!result)
    return result.status();
  return Quantized{std::move(result->matrix), encode->inverse()};
}

std::vector<float> decode(OutputType type, const std::vector<uint8_t> &bytes) {
  int64_t count =
      static_cast<int64_t>(bytes.size()) / oracle::elementBytes(type);
  std::vector<float> values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<float>(
        oracle::decodeElement(type, oracle::elementBits(type, bytes, i))));
  return values;
}

void row(std::string_view name, const std::string &text) {
  fmt::print("{:<12}{}\n", name, text);
}

void printKernel(const DeviceRun &run, const std::string &out) {
  const Manifest &manifest = run.manifest;
  row("problem", manifest.problem);
  row("chip", run.chip + (run.isEmulated ? ", emulated" : "") +
                  (run.isPtxLoaded ? ", loaded from PTX" : ""));
  row("schedule", manifest.schedule);
  row("cubin", fmt::format("{} registers a thread, {} bytes spilled, {} bytes "
                           "of shared memory, {} threads (ptxas {})",
                           manifest.registers, manifest.spillBytes,
                           manifest.staticShared + manifest.dynamicShared,
                           manifest.threads, manifest.ptxas));
  std::string unproven = manifest.certificate.unproven();
  row("proof", unproven.empty()
                   ? "complete"
                   : "not complete, allowed here: " + unproven + " unproven");
  std::error_code error;
  for (const auto &file : std::filesystem::directory_iterator(out, error))
    if (file.path().extension() == ".ptx")
      row("PTX", file.path().string());
  std::string times;
  for (const PhaseTime &time : run.phases)
    times += fmt::format("{}{} {:.1f}", times.empty() ? "" : ", ", time.phase,
                         time.milliseconds);
  row("times, ms", times);
}

/// Prints the verdicts; true if both hold.
bool judge(const DeviceRun &run, const oracle::GemmOutput &expected,
           const FloatMatrix &fp32) {
  oracle::GateResult gate = oracle::gate(run.d, expected.type, expected);
  row("oracle", (gate.passed ? "agrees: " : "DISAGREES: ") + gate.text());
  Distance got = distance(decode(expected.type, run.d), fp32.values);
  row("FP32 layer",
      fmt::format("relative error {:.4f}, cosine {:.5f}, norm ratio {:.5f}",
                  got.relativeError, got.cosine, got.normRatio));
  bool isNear = got.relativeError <= kLargestError &&
                std::abs(got.normRatio - 1) <= kNormTolerance;
  if (!isNear)
    row("", fmt::format("TOO FAR: expected an error of at most {} and a norm "
                        "ratio within {} of 1",
                        kLargestError, kNormTolerance));
  return gate.passed && isNear;
}

Expected<bool> run(const Options &options) {
  Expected<Model> model = loadModel(options.model);
  if (!model)
    return model.status();
  Expected<FloatMatrix> x = activations(options, *model);
  if (!x)
    return x.status();
  row("layer", fmt::format("encoder.layer.0.intermediate.dense of "
                           "all-MiniLM-L6-v2, {} tokens of {} sentences",
                           x->rows, std::size(kSentences)));
  auto begin = std::chrono::steady_clock::now();
  Expected<Quantized> a = quantise(*x), b = quantise(model->weight);
  if (!a || !b)
    return a ? b.status() : a.status();
  std::chrono::duration<double, std::milli> quantising =
      std::chrono::steady_clock::now() - begin;

  GemmProblem problem;
  problem.n = model->weight.rows;
  problem.k = model->weight.cols;
  float alpha = oracle::alphaOf(a->decode, b->decode);
  DeviceOptions deviceOptions;
  deviceOptions.driver = options.driver;
  deviceOptions.dumpDir = options.out;
  Expected<DeviceRun> device =
      multiplyOnDevice(problem, a->matrix, b->matrix, alpha, deviceOptions);
  if (!device)
    return device.status();
  device->phases.insert(device->phases.begin(),
                        {"quantise", quantising.count()});
  printKernel(*device, options.out);
  row("padding", fmt::format("every byte of scale padding holds {:#04x}, NaN",
                             deviceOptions.padding));

  auto expected = oracle::gemmExact(a->matrix, b->matrix, alpha, problem.d);
  if (!expected)
    return expected.status();
  return judge(*device, *expected, multiplyTransposed(*x, model->weight));
}

int exitCode(ErrorCode code) {
  switch (code) {
  case ErrorCode::Invalid:
    return 2;
  case ErrorCode::Environment:
  case ErrorCode::NotFound:
    return 3;
  case ErrorCode::Unproven:
    return 4;
  default:
    return 1;
  }
}

} // namespace

int main(int argc, char **argv) {
  Expected<Options> options = parse(argc, argv);
  Expected<bool> good =
      options ? run(*options) : Expected<bool>(options.status());
  if (good)
    return *good ? 0 : 1;
  fmt::print(stderr, "nybl-demo: {}\n", good.message());
  return exitCode(good.status().code());
}
