// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Stands for cuBLASLt and NVML where there is no GPU. It writes down what it is
// asked for, and makes the product that its descriptors describe, on the host:
// column-major, block scales as 128x4, as the manual of cuBLASLt has them. So
// a wrong descriptor is a wrong result. It holds padding of scale factors to
// the zeros that the manual demands.
//   NYBL_STUB_LOG      file that gets a line for each call of interest
//   NYBL_STUB_VERSION  what cublasLtGetVersion says, 130100 unless set
//   NYBL_STUB_REFUSES  if set, the heuristic has no algorithm
//   NYBL_DRIVER        the driver whose memory holds the operands

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <string>
#include <vector>

namespace {

enum Code { Success = 0, InvalidValue = 7, NotSupported = 15 };
enum Type { F32 = 0, Bf16 = 14, E2m1 = 33 };
enum Attribute {
  TransA = 3,
  TransB = 4,
  ScalePointerA = 17,
  ScalePointerB = 18,
  ScaleModeA = 31,
  ScaleModeB = 32
};

using Description = std::map<int, uint64_t>;

struct Layout {
  int type;
  uint64_t rows, columns;
  int64_t leading;
};

void say(const std::string &line) {
  const char *path = std::getenv("NYBL_STUB_LOG");
  std::FILE *file = path ? std::fopen(path, "a") : nullptr;
  if (!file)
    return;
  std::fprintf(file, "%s\n", line.c_str());
  std::fclose(file);
}

std::string text(const char *name, const Layout &l) {
  return std::string(name) + ": type " + std::to_string(l.type) + ", " +
         std::to_string(l.rows) + " x " + std::to_string(l.columns) +
         ", leading " + std::to_string(l.leading);
}

template <typename... Arguments>
int driver(const char *name, Arguments... arguments) {
  static void *library = dlopen(std::getenv("NYBL_DRIVER"), RTLD_NOW);
  auto call = reinterpret_cast<int (*)(Arguments...)>(dlsym(library, name));
  return call ? call(arguments...) : -1;
}

std::vector<uint8_t> read(uint64_t from, size_t bytes) {
  std::vector<uint8_t> data(bytes);
  driver("cuMemcpyDtoH_v2", static_cast<void *>(data.data()), from, bytes);
  return data;
}

float element(const std::vector<uint8_t> &data, uint64_t index) {
  constexpr float values[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  int code = data[index / 2] >> (index % 2 ? 4 : 0) & 15;
  return code & 8 ? -values[code & 7] : values[code & 7];
}

float scaleOf(uint8_t byte) {
  int exponent = byte >> 3 & 15, mantissa = byte & 7;
  return exponent ? std::ldexp(1 + mantissa / 8.f, exponent - 7)
                  : std::ldexp(mantissa / 8.f, -6);
}

/// Scale factors of the columns of one operand.
struct Scales {
  uint64_t columns, blocks, words;
  std::vector<uint8_t> bytes;

  Scales(uint64_t pointer, const Layout &l)
      : columns(l.columns), blocks(l.rows / 16), words((blocks + 3) / 4),
        bytes(read(pointer, (columns + 127) / 128 * words * 512)) {}
  uint8_t at(uint64_t column, uint64_t block) const {
    uint64_t chunk = column / 128 * words + block / 4;
    return bytes[chunk * 512 + column % 32 * 16 + column % 128 / 32 * 4 +
                 block % 4];
  }
  bool hasCleanPadding() const {
    bool isClean = true;
    for (uint64_t c = 0; c < (columns + 127) / 128 * 128; ++c)
      for (uint64_t b = 0; b < words * 4; ++b)
        isClean = isClean && ((c < columns && b < blocks) || at(c, b) == 0);
    return isClean;
  }
};

uint16_t toBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

bool isAskedRightly(const Description &d, const Layout &a, const Layout &b,
                    const Layout &out) {
  auto value = [&](int key) { return d.count(key) ? d.at(key) : 0; };
  return a.type == E2m1 && b.type == E2m1 && out.type == Bf16 &&
         value(TransA) == 1 && value(TransB) == 0 && value(ScaleModeA) == 1 &&
         value(ScaleModeB) == 1 && value(ScalePointerA) != 0 &&
         value(ScalePointerB) != 0 && value(ScalePointerA) % 16 == 0 &&
         value(ScalePointerB) % 16 == 0 && a.rows == b.rows &&
         out.rows == a.columns && out.columns == b.columns;
}

} // namespace

#define EXPORT extern "C" __attribute__((visibility("default")))

EXPORT size_t cublasLtGetVersion() {
  const char *version = std::getenv("NYBL_STUB_VERSION");
  return version ? std::strtoul(version, nullptr, 10) : 130100;
}
EXPORT int cublasLtCreate(void **handle) {
  *handle = new int(0);
  return Success;
}
EXPORT int cublasLtDestroy(void *handle) {
  delete static_cast<int *>(handle);
  return Success;
}
EXPORT int cublasLtMatmulDescCreate(void **made, int compute, int scale) {
  if (compute != 68 || scale != F32)
    return InvalidValue;
  *made = new Description();
  return Success;
}
EXPORT int cublasLtMatmulDescSetAttribute(void *description, int key,
                                          const void *value, size_t bytes) {
  bool isPointer = key == ScalePointerA || key == ScalePointerB;
  if (bytes != (isPointer ? 8 : 4))
    return InvalidValue;
  uint64_t number = 0;
  std::memcpy(&number, value, bytes);
  (*static_cast<Description *>(description))[key] = number;
  return Success;
}
EXPORT int cublasLtMatmulDescDestroy(void *description) {
  delete static_cast<Description *>(description);
  return Success;
}
EXPORT int cublasLtMatrixLayoutCreate(void **made, int type, uint64_t rows,
                                      uint64_t columns, int64_t leading) {
  *made = new Layout{type, rows, columns, leading};
  return Success;
}
EXPORT int cublasLtMatrixLayoutDestroy(void *layout) {
  delete static_cast<Layout *>(layout);
  return Success;
}
EXPORT int cublasLtMatmulPreferenceCreate(void **made) {
  *made = new uint64_t(0);
  return Success;
}
EXPORT int cublasLtMatmulPreferenceSetAttribute(void *preference, int key,
                                                const void *value,
                                                size_t bytes) {
  if (key != 1 || bytes != 8)
    return InvalidValue;
  std::memcpy(preference, value, bytes);
  return Success;
}
EXPORT int cublasLtMatmulPreferenceDestroy(void *preference) {
  delete static_cast<uint64_t *>(preference);
  return Success;
}
EXPORT int cublasLtMatmulAlgoGetHeuristic(void *, void *description, void *a,
                                          void *b, void *, void *d,
                                          void *preference, int,
                                          unsigned char *result, int *count) {
  *count = 0;
  const Layout &first = *static_cast<Layout *>(a),
               &second = *static_cast<Layout *>(b),
               &out = *static_cast<Layout *>(d);
  if (std::getenv("NYBL_STUB_REFUSES") ||
      !isAskedRightly(*static_cast<Description *>(description), first, second,
                      out))
    return NotSupported;
  say(text("A", first) + "; " + text("B", second) + "; " + text("D", out) +
      "; workspace " + std::to_string(*static_cast<uint64_t *>(preference)));
  std::memset(result, 0, 96); // state and all
  std::memset(result, 0x5a, 64);
  *count = 1;
  return Success;
}
EXPORT int cublasLtMatmul(void *, void *description, const float *alpha,
                          uint64_t a, const Layout *aLayout, uint64_t b,
                          const Layout *bLayout, const float *beta, uint64_t,
                          const Layout *, uint64_t d, const Layout *dLayout,
                          const uint64_t *algorithm, uint64_t workspace, size_t,
                          void *stream) {
  Description &asked = *static_cast<Description *>(description);
  uint64_t k = aLayout->rows, n = aLayout->columns, m = bLayout->columns;
  Scales aScales(asked[ScalePointerA], *aLayout),
      bScales(asked[ScalePointerB], *bLayout);
  if (*beta != 0 || algorithm[7] != 0x5a5a5a5a5a5a5a5a || workspace == 0 ||
      !aScales.hasCleanPadding() || !bScales.hasCleanPadding())
    return InvalidValue;
  driver("cuStreamSynchronize", stream);
  auto first = read(a, n * static_cast<uint64_t>(aLayout->leading) / 2),
       second = read(b, m * static_cast<uint64_t>(bLayout->leading) / 2);
  for (uint64_t column = 0; column < m; ++column) {
    std::vector<uint16_t> out(n);
    for (uint64_t row = 0; row < n; ++row) {
      double sum = 0;
      for (uint64_t i = 0; i < k; ++i)
        sum += double(element(first, row * aLayout->leading + i)) *
               scaleOf(aScales.at(row, i / 16)) *
               element(second, column * bLayout->leading + i) *
               scaleOf(bScales.at(column, i / 16));
      out[row] = toBf16(static_cast<float>(sum * *alpha));
    }
    driver("cuMemcpyHtoD_v2", d + column * dLayout->leading * 2,
           static_cast<const void *>(out.data()), out.size() * 2);
  }
  return Success;
}

EXPORT int nvmlInit_v2() { return Success; }
EXPORT int nvmlDeviceGetHandleByPciBusId_v2(const char *id, void **device) {
  say(std::string("NVML device ") + id);
  *device = nullptr;
  return Success;
}
EXPORT int nvmlDeviceGetClockInfo(void *, int clock, unsigned *megahertz) {
  *megahertz = clock == 1 ? 2407 : 14001;
  return Success;
}
