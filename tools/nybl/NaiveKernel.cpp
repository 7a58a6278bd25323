// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The naive kernel, and where there is no NVRTC our own plain schedule.

#include "tools/nybl/NaiveKernel.h"
#include "runtime/Driver/Module.h"
#include <cmath>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

/// One thread an element. e2m1 times 2 and ue4m3 times 2^9 are integers, so a
/// product is one in units of 2^-20. `magnitude` is the sum of the absolute
/// values of the blocks' parts, which bounds what rounding on the way may do.
constexpr const char *naiveSource = R"(
__device__ long long scale(unsigned char byte) {
  int exponent = byte >> 3 & 15, mantissa = byte & 7;
  return exponent ? (long long)(8 + mantissa) << (exponent - 1) : mantissa;
}
__device__ int element(unsigned char pair, int odd) {
  int code = pair >> 4 * odd & 15;
  int magnitude = 0xc8643210u >> 4 * (code & 7) & 15;
  return code & 8 ? -magnitude : magnitude;
}
extern "C" __global__ void naive(
    const unsigned char *a, const unsigned char *sa, const unsigned char *b,
    const unsigned char *sb, long long *sum, long long *magnitude, int m, int n,
    int k) {
  long long index = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (index >= (long long)m * n)
    return;
  long long row = index / n, column = index % n, total = 0, absolute = 0;
  for (int block = 0; block < k / 16; ++block) {
    int dot = 0;
    for (int i = 0; i < 8; ++i) {
      unsigned char x = a[row * (k / 2) + block * 8 + i];
      unsigned char y = b[column * (k / 2) + block * 8 + i];
      dot += element(x, 0) * element(y, 0) + element(x, 1) * element(y, 1);
    }
    long long part = dot * scale(sa[row * (k / 16) + block]) *
                     scale(sb[column * (k / 16) + block]);
    total += part;
    absolute += part < 0 ? -part : part;
  }
  sum[index] = total;
  magnitude[index] = absolute;
}
)";

constexpr unsigned threads = 128;

/// The two sums of every element.
struct Sums {
  std::vector<int64_t> total, magnitude;
};

Expected<Sums> runNaive(Workbench &bench, const Product &product,
                        const Nvrtc &nvrtc) {
  auto ptx = nvrtc.compile(naiveSource, bench.gpu().chip());
  if (!ptx)
    return ptx.status();
  auto module = driver::Module::load(bench.device(), {"", *ptx}, "naive");
  if (!module)
    return module.status();
  size_t count = static_cast<size_t>(product.m * product.problem.n);
  driver::Buffer buffers[6];
  const std::string *inputs[] = {&product.a, &product.aScales, &product.b,
                                 &product.bScales};
  uint64_t addresses[6];
  for (size_t i = 0; i < 6; ++i) {
    auto buffer = driver::Buffer::allocate(
        bench.device(), i < 4 ? inputs[i]->size() : count * 8);
    if (!buffer)
      return buffer.status();
    buffers[i] = std::move(*buffer);
    addresses[i] = buffers[i].address();
    if (i < 4)
      if (Status status =
              buffers[i].upload(0, inputs[i]->data(), inputs[i]->size());
          !status)
        return status;
  }
  int m = static_cast<int>(product.m), n = static_cast<int>(product.problem.n),
      k = static_cast<int>(product.problem.k);
  void *parameters[] = {&addresses[0],
                        &addresses[1],
                        &addresses[2],
                        &addresses[3],
                        &addresses[4],
                        &addresses[5],
                        &m,
                        &n,
                        &k};
  auto stream = driver::Stream::create(bench.device());
  if (!stream)
    return stream.status();
  driver::LaunchShape shape;
  shape.grid = static_cast<unsigned>((count + threads - 1) / threads);
  shape.threads = threads;
  if (Status status = (*module)->launch(shape, stream->handle(), parameters);
      !status)
    return status;
  if (Status status = stream->synchronize(); !status)
    return status;
  Sums sums{std::vector<int64_t>(count), std::vector<int64_t>(count)};
  if (Status status = buffers[4].download(0, sums.total.data(), count * 8);
      !status)
    return status;
  if (Status status = buffers[5].download(0, sums.magnitude.data(), count * 8);
      !status)
    return status;
  return sums;
}

} // namespace

Expected<Reference> nybl::cli::referenceOnDevice(Workbench &bench,
                                                 const Product &product,
                                                 const Nvrtc *nvrtc) {
  const GemmProblem &problem = product.problem;
  size_t count = static_cast<size_t>(product.m * problem.n);
  if (nvrtc) {
    auto sums = runNaive(bench, product, *nvrtc);
    if (!sums)
      return sums.status();
    Reference reference(problem,
                        fmt::format("naive kernel ({})", nvrtc->name()));
    for (size_t i = 0; i < count; ++i)
      reference.add(double(sums->total[i]) * 0x1p-20 * product.alpha,
                    double(sums->magnitude[i]) * 0x1p-20 * product.alpha);
    return reference;
  }
  auto plain = bench.prepare(print(specialise(problem)), "kind=plain");
  if (!plain)
    return plain.status();
  auto uploaded = bench.upload(product, /*padded=*/true);
  if (!uploaded)
    return uploaded.status();
  auto d = bench.run(plain->plan, *uploaded);
  if (!d)
    return d.status();
  Reference reference(problem, "our plain schedule");
  for (size_t i = 0; i < count; ++i) {
    float value = elementOf(*d, i, problem.d);
    // Nobody said what was added up; the value itself stands for it.
    reference.add(value, 2 * std::fabs(value));
  }
  return reference;
}
