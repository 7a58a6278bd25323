// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One GEMM launch on the emulated sm_120a beside a plain C++ program for the
// same product: dequantise both operands to float, multiply in blocks, with as
// many host threads.
//   nybl-bench-emulator-gemm --size 1024x1024x1024 [--threads 1] [--json]
#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Formats.h"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

using namespace nybl;
using Clock = std::chrono::steady_clock;

namespace {

struct Size {
  int64_t m = 0, n = 0, k = 0;
};

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// f(first, last) on blocks of rows, by `threads` threads.
template <typename F>
void eachBlock(int64_t rows, unsigned threads, F f) {
  constexpr int64_t block = 32;
  std::atomic<int64_t> next{0};
  auto work = [&] {
    for (int64_t at; (at = next.fetch_add(block)) < rows;)
      f(at, std::min(rows, at + block));
  };
  std::vector<std::thread> others;
  for (unsigned i = 1; i < threads; ++i)
    others.emplace_back(work);
  work();
  for (std::thread &other : others)
    other.join();
}

/// Rows [first, last) of a * b^T; the inner loop runs over rows of b so that
/// the compiler can keep sums in vectors along K.
void multiplyRows(const std::vector<float> &a, const std::vector<float> &b,
                  std::vector<float> &d, const Size &size, int64_t first,
                  int64_t last) {
  constexpr unsigned lanes = 16;
  for (int64_t row = first; row < last; ++row)
    for (int64_t n = 0; n < size.n; ++n) {
      const float *x = &a[row * size.k], *y = &b[n * size.k];
      float sums[lanes] = {};
      for (int64_t k = 0; k + lanes <= size.k; k += lanes)
        for (unsigned i = 0; i < lanes; ++i)
          sums[i] += x[k + i] * y[k + i];
      float sum = 0;
      for (float part : sums)
        sum += part;
      d[row * size.n + n] = sum;
    }
}

/// Rows as floats, through tables of both formats.
void dequantise(const oracle::QuantizedMatrix &from, std::vector<float> &to,
                unsigned threads) {
  float elements[16], scales[256];
  for (unsigned i = 0; i < 16; ++i)
    elements[i] = oracle::decodeE2m1(static_cast<uint8_t>(i));
  for (unsigned i = 0; i < 256; ++i)
    scales[i] = oracle::decodeUe4m3(static_cast<uint8_t>(i));
  eachBlock(from.rows, threads, [&](int64_t first, int64_t last) {
    for (int64_t r = first; r < last; ++r)
      for (int64_t k = 0; k < from.k; ++k)
        to[r * from.k + k] =
            elements[from.code(r, k)] * scales[from.scale(r, k / 16)];
  });
}

double timeReference(const oracle::QuantizedMatrix &a,
                     const oracle::QuantizedMatrix &b, const Size &size,
                     unsigned threads) {
  auto begin = Clock::now();
  std::vector<float> x(size.m * size.k), y(size.n * size.k);
  std::vector<float> d(size.m * size.n);
  dequantise(a, x, threads);
  dequantise(b, y, threads);
  eachBlock(size.m, threads, [&](int64_t first, int64_t last) {
    multiplyRows(x, y, d, size, first, last);
  });
  return secondsSince(begin);
}

double timeEmulated(road::Session &session, const Size &size,
                    const oracle::QuantizedMatrix &a,
                    const oracle::QuantizedMatrix &b, nyblEmuCounts &counts) {
  session.extension<decltype(nyblEmuSetChecks)>("nyblEmuSetChecks")(0, 0);
  GemmProblem problem;
  problem.n = size.n;
  problem.k = size.k;
  road::Run warm = road::gemm(session, problem, a, b, {});
  if (!warm.ok()) {
    fmt::print(stderr, "the launch failed: {}\n", warm.error);
    std::exit(1);
  }
  counts = warm.counts;
  return warm.launchSeconds;
}

} // namespace

int main(int argc, char **argv) {
  std::string text = "1024x1024x1024";
  unsigned threads = 1;
  bool json = false;
  for (int i = 1; i < argc; ++i) {
    std::string word = argv[i];
    if (word == "--json")
      json = true;
    else if (word == "--size" && i + 1 < argc)
      text = argv[++i];
    else if (word == "--threads" && i + 1 < argc)
      threads = static_cast<unsigned>(std::clamp(std::atoi(argv[++i]), 1, 64));
    else
      return fmt::print(stderr,
                        "expected --size MxNxK, --threads N or --json, "
                        "got '{}'\n",
                        word),
             2;
  }
  Size size;
  if (std::sscanf(text.c_str(), "%ldx%ldx%ld", &size.m, &size.n, &size.k) != 3)
    return fmt::print(stderr, "expected --size MxNxK, got '{}'\n", text), 2;
  ::setenv("NYBL_EMU_THREADS", std::to_string(threads).c_str(), 1);
  road::Session *session = road::Session::get();
  if (!session)
    return 3;
  auto a = oracle::randomMatrix(size.m, size.k, 1, 0x30, 0x48);
  auto b = oracle::randomMatrix(size.n, size.k, 2, 0x30, 0x48);
  nyblEmuCounts counts{};
  double emulated = timeEmulated(*session, size, a, b, counts);
  double reference = timeReference(a, b, size, threads);
  if (json)
    fmt::print("{}\n",
               nlohmann::ordered_json({{"size", text},
                                       {"threads", threads},
                                       {"emulated_s", emulated},
                                       {"reference_s", reference},
                                       {"ratio", emulated / reference},
                                       {"multiplies", counts.multiplies}})
                   .dump(2));
  else
    fmt::print("{} GEMM launch, {} host thread{}: emulated {:.3f} s, plain C++ "
               "{:.3f} s, {:.2f} times; {:.2f} million mma/s\n",
               text, threads, threads == 1 ? "" : "s", emulated, reference,
               emulated / reference,
               double(counts.multiplies) / emulated / 1e6);
  return 0;
}
