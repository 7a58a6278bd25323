// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every one of the 2^32 floats: Formats against CUDA's own host code.
#include "tests/Oracle/CudaFormats.h"
#include "tests/Oracle/Formats.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <gtest/gtest.h>
#include <thread>
#include <vector>

using namespace nybl::oracle;

static constexpr uint64_t noMismatch = ~uint64_t(0);

/// The lowest float in [first, last) on which the two differ.
template <typename Ours, typename Theirs>
static uint64_t firstMismatch(uint64_t first, uint64_t last, Ours ours,
                              Theirs theirs) {
  for (uint64_t bits = first; bits < last; ++bits) {
    auto x = std::bit_cast<float>(static_cast<uint32_t>(bits));
    if (ours(x) != theirs(x))
      return bits;
  }
  return noMismatch;
}

template <typename Ours, typename Theirs>
static void expectEqualOnAllFloats(Ours ours, Theirs theirs) {
  constexpr uint64_t slices = 1024, slice = (uint64_t(1) << 32) / slices;
  std::atomic<uint64_t> nextSlice = 0;
  unsigned count = std::max(1u, std::thread::hardware_concurrency());
  std::vector<uint64_t> found(slices, noMismatch);
  auto work = [&] {
    for (uint64_t i; (i = nextSlice++) < slices;)
      found[i] = firstMismatch(i * slice, (i + 1) * slice, ours, theirs);
  };
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < count; ++t)
    threads.emplace_back(work);
  for (std::thread &thread : threads)
    thread.join();
  uint64_t lowest = *std::min_element(found.begin(), found.end());
  EXPECT_EQ(lowest, noMismatch) << "first differing float has these bits";
}

TEST(FormatsSlow, E2m1AgreesWithCudaOnEveryFloat) {
  expectEqualOnAllFloats([](float x) { return encodeE2m1(x); },
                         [](float x) { return cudaEncodeE2m1(x); });
}

TEST(FormatsSlow, E4m3AgreesWithCudaOnEveryFloat) {
  expectEqualOnAllFloats([](float x) { return encodeE4m3(x); },
                         [](float x) { return cudaEncodeE4m3(x); });
}
