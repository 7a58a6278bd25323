// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The naive kernel, and the comparison.

#include "tools/nybl/Reference.h"
#include "runtime/Driver/Module.h"
#include <cmath>
#include <cstring>
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

/// Half of the distance between neighbours, doubled: a kernel may round the
/// other way where it truncates on the way.
double relativeStep(OutputType type) {
  switch (type) {
  case OutputType::BF16:
    return 0x1p-8;
  case OutputType::F16:
    return 0x1p-11;
  case OutputType::F32:
    return 0x1p-22;
  }
  return 0;
}

/// f16 below 2^-14 has a step of 2^-24.
double absoluteStep(OutputType type) {
  return type == OutputType::F16 ? 0x1p-24 : 0x1p-126;
}

double largest(OutputType type) {
  return type == OutputType::F16 ? 65504 : 3.3e38;
}

float fromHalf(uint16_t bits) {
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  float value = exponent == 0 ? std::ldexp(float(mantissa), -24)
                : exponent == 31
                    ? (mantissa ? NAN : INFINITY)
                    : std::ldexp(float(1024 + mantissa), exponent - 25);
  return bits & 0x8000 ? -value : value;
}

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

float nybl::cli::elementOf(const std::string &d, size_t index,
                           OutputType type) {
  if (type == OutputType::F32) {
    float value;
    std::memcpy(&value, d.data() + index * 4, 4);
    return value;
  }
  uint16_t bits;
  std::memcpy(&bits, d.data() + index * 2, 2);
  if (type == OutputType::F16)
    return fromHalf(bits);
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

Expected<Reference> Reference::make(Workbench &bench, const Product &product,
                                    const Nvrtc *nvrtc) {
  Reference reference;
  const GemmProblem &problem = reference.problem = product.problem;
  size_t count = static_cast<size_t>(product.m * problem.n);
  double relative = relativeStep(problem.d), least = absoluteStep(problem.d);
  // 2^-16 of what was added up: far above what 25 bits in a step's sum lose,
  // far below one K block of random data.
  auto add = [&](double value, double magnitude) {
    reference.expected.push_back(static_cast<float>(value));
    reference.allowed.push_back(static_cast<float>(
        std::fabs(value) * relative + magnitude * 0x1p-16 + least));
  };
  if (nvrtc) {
    auto sums = runNaive(bench, product, *nvrtc);
    if (!sums)
      return sums.status();
    reference.text = fmt::format("naive kernel ({})", nvrtc->name());
    for (size_t i = 0; i < count; ++i)
      add(double(sums->total[i]) * 0x1p-20 * product.alpha,
          double(sums->magnitude[i]) * 0x1p-20 * product.alpha);
    return reference;
  }
  reference.text = "our plain schedule";
  auto plain = bench.prepare(print(specialise(problem)), "kind=plain");
  if (!plain)
    return plain.status();
  auto uploaded = bench.upload(product, /*padded=*/true);
  if (!uploaded)
    return uploaded.status();
  auto d = bench.run(plain->plan, *uploaded);
  if (!d)
    return d.status();
  for (size_t i = 0; i < count; ++i) {
    float value = elementOf(*d, i, problem.d);
    // Nobody said what was added up; the value itself stands for it.
    add(value, 2 * std::fabs(value));
  }
  return reference;
}

Status Reference::check(const std::string &d) const {
  for (size_t i = 0; i < expected.size(); ++i) {
    float got = elementOf(d, i, problem.d);
    if (std::fabs(expected[i]) > largest(problem.d) && std::isinf(got))
      continue;
    // Written so that a NaN is refused.
    if (std::fabs(got - expected[i]) <= allowed[i])
      continue;
    size_t columns = static_cast<size_t>(problem.n);
    return Status::refused(fmt::format(
        "d[{}, {}]: expected {:.9g} within {:.3g} of it by {}, got {:.9g}",
        i / columns, i % columns, expected[i], allowed[i], text, got));
  }
  return Status::ok();
}
