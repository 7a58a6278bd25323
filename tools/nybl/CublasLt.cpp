// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Its interface in a dozen declarations and numbers, so that no header of it is
// needed: cublasLt.h, cublas_api.h and library_types.h of CUDA 13.0.
//
// cuBLASLt counts matrices by columns. Rows of ours are columns of its, so it
// is asked for D^T = B A^T: its A is our B, transposed, and its B is our A.

#include "tools/nybl/CublasLt.h"
#include <cstdlib>
#include <dlfcn.h>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::cli;

namespace {

enum : int32_t {
  DataF32 = 0,           // CUDA_R_32F
  DataBf16 = 14,         // CUDA_R_16BF
  DataE2m1 = 33,         // CUDA_R_4F_E2M1
  ComputeF32 = 68,       // CUBLAS_COMPUTE_32F
  Transposed = 1,        // CUBLAS_OP_T
  TransposeA = 3,        // CUBLASLT_MATMUL_DESC_TRANSA
  ScalePointerA = 17,    // CUBLASLT_MATMUL_DESC_A_SCALE_POINTER
  ScalePointerB = 18,    // CUBLASLT_MATMUL_DESC_B_SCALE_POINTER
  ScaleModeA = 31,       // CUBLASLT_MATMUL_DESC_A_SCALE_MODE
  ScaleModeB = 32,       // CUBLASLT_MATMUL_DESC_B_SCALE_MODE
  ScaleVec16Ue4m3 = 1,   // CUBLASLT_MATMUL_MATRIX_SCALE_VEC16_UE4M3
  MaxWorkspaceBytes = 1, // CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES
};

/// The first with block scaling: CUDA 12.8's.
constexpr size_t leastVersion = 120800;
constexpr uint64_t workspaceBytes = 32 << 20;

/// cublasLtMatmulHeuristicResult_t.
struct HeuristicResult {
  uint64_t algorithm[8];
  size_t workspace;
  int state;
  float waves;
  int reserved[4];
};

} // namespace

struct nybl::cli::CublasLtFunctions {
  size_t (*cublasLtGetVersion)();
  int (*cublasLtCreate)(void **);
  int (*cublasLtDestroy)(void *);
  int (*cublasLtMatmulDescCreate)(void **, int compute, int scale);
  int (*cublasLtMatmulDescSetAttribute)(void *, int, const void *, size_t);
  int (*cublasLtMatmulDescDestroy)(void *);
  int (*cublasLtMatrixLayoutCreate)(void **, int type, uint64_t rows,
                                    uint64_t columns, int64_t leading);
  int (*cublasLtMatrixLayoutDestroy)(void *);
  int (*cublasLtMatmulPreferenceCreate)(void **);
  int (*cublasLtMatmulPreferenceSetAttribute)(void *, int, const void *,
                                              size_t);
  int (*cublasLtMatmulPreferenceDestroy)(void *);
  int (*cublasLtMatmulAlgoGetHeuristic)(void *handle, void *multiply, void *a,
                                        void *b, void *c, void *d,
                                        void *preference, int wanted,
                                        HeuristicResult *results, int *count);
  int (*cublasLtMatmul)(void *handle, void *multiply, const void *alpha,
                        const void *a, void *aLayout, const void *b,
                        void *bLayout, const void *beta, const void *c,
                        void *cLayout, void *d, void *dLayout,
                        const uint64_t *algorithm, void *workspace,
                        size_t workspaceBytes, CUstream stream);
};

namespace {

/// The name of a function that is missing, or null.
const char *lookUp(void *library, CublasLtFunctions &api) {
#define NYBL_LOOK_UP(function)                                                 \
  api.function =                                                               \
      reinterpret_cast<decltype(api.function)>(dlsym(library, #function));     \
  if (!api.function)                                                           \
    return #function;
  NYBL_LOOK_UP(cublasLtGetVersion)
  NYBL_LOOK_UP(cublasLtCreate)
  NYBL_LOOK_UP(cublasLtDestroy)
  NYBL_LOOK_UP(cublasLtMatmulDescCreate)
  NYBL_LOOK_UP(cublasLtMatmulDescSetAttribute)
  NYBL_LOOK_UP(cublasLtMatmulDescDestroy)
  NYBL_LOOK_UP(cublasLtMatrixLayoutCreate)
  NYBL_LOOK_UP(cublasLtMatrixLayoutDestroy)
  NYBL_LOOK_UP(cublasLtMatmulPreferenceCreate)
  NYBL_LOOK_UP(cublasLtMatmulPreferenceSetAttribute)
  NYBL_LOOK_UP(cublasLtMatmulPreferenceDestroy)
  NYBL_LOOK_UP(cublasLtMatmulAlgoGetHeuristic)
  NYBL_LOOK_UP(cublasLtMatmul)
#undef NYBL_LOOK_UP
  return nullptr;
}

std::vector<std::string> placesOf(const std::string &path) {
  if (!path.empty())
    return {path};
  if (const char *named = std::getenv("NYBL_CUBLASLT"); named && *named)
    return {named};
  std::vector<std::string> folders = {"/usr/local/cuda/lib64/", ""}, places;
  if (const char *home = std::getenv("CUDA_HOME"); home && *home)
    folders.insert(folders.begin(), std::string(home) + "/lib64/");
  for (const std::string &folder : folders)
    for (const char *file : {"libcublasLt.so.13", "libcublasLt.so.12"})
      places.push_back(folder + file);
  return places;
}

Status check(int code, const char *call) {
  return code == 0 ? Status::ok()
                   : Status::environment(fmt::format(
                         "{} failed: cublasStatus_t {}", call, code));
}

void *pointer(uint64_t address) { return reinterpret_cast<void *>(address); }

int nothing(void *) { return 0; }

} // namespace

//===----------------------------------------------------------------------===//
// The library
//===----------------------------------------------------------------------===//

Expected<std::shared_ptr<const CublasLt>>
CublasLt::load(const std::string &path,
               std::shared_ptr<const driver::Device> device) {
  void *library = nullptr;
  std::string place, reason;
  for (const std::string &one : placesOf(path)) {
    library = dlopen((place = one).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library)
      break;
    reason = dlerror();
  }
  if (!library)
    return Status::environment(fmt::format(
        "no cuBLASLt ({}); install CUDA 12.8 or later, or name libcublasLt.so "
        "by --cublaslt",
        reason));
  std::shared_ptr<CublasLt> made(new CublasLt());
  made->device = std::move(device);
  made->api = std::make_unique<CublasLtFunctions>();
  if (const char *missing = lookUp(library, *made->api))
    return Status::environment(fmt::format(
        "expected a cuBLASLt in '{}', it has no {}", place, missing));
  size_t version = made->api->cublasLtGetVersion();
  made->text = fmt::format("cuBLASLt {}.{}.{}", version / 10000,
                           version / 100 % 100, version % 100);
  if (version < leastVersion)
    return Status::environment(
        fmt::format("expected cuBLASLt 12.8 or later, the first with block "
                    "scaling, got {} in '{}'",
                    made->text, place));
  if (Status status = made->start(); !status)
    return status;
  return std::shared_ptr<const CublasLt>(std::move(made));
}

Status CublasLt::start() {
  auto bytes = driver::Buffer::allocate(device, workspaceBytes);
  if (!bytes)
    return bytes.status();
  workspace = std::move(*bytes);
  driver::ContextScope scope(*device);
  if (Status status = scope.status(); !status)
    return status;
  return check(api->cublasLtCreate(&handle), "cublasLtCreate");
}

CublasLt::~CublasLt() {
  if (!handle)
    return;
  driver::ContextScope scope(*device);
  (void)api->cublasLtDestroy(handle);
}

//===----------------------------------------------------------------------===//
// A product
//===----------------------------------------------------------------------===//

CublasMatmul::CublasMatmul(std::shared_ptr<const CublasLt> library,
                           const nybl_gemm_args &args)
    : library(std::move(library)), args(args), multiply(nullptr, nothing),
      a(nullptr, nothing), b(nullptr, nothing), d(nullptr, nothing) {}

Expected<CublasMatmul>
CublasMatmul::make(std::shared_ptr<const CublasLt> library,
                   const GemmProblem &problem, const DeviceProduct &operands) {
  if (problem.sfa != ScaleLayout::T128x4 ||
      problem.sfb != ScaleLayout::T128x4 || problem.d != OutputType::BF16)
    return Status::refused("expected scale factors as 128x4 and D of bf16, "
                           "which cuBLASLt is asked for here, got '" +
                           print(problem) + "'");
  CublasMatmul made(std::move(library), operands.args);
  driver::ContextScope scope(*made.library->device);
  if (Status status = scope.status(); !status)
    return status;
  if (Status status = made.describe(problem); !status)
    return status;
  if (Status status = made.choose(); !status)
    return status;
  return made;
}

Status CublasMatmul::describe(const GemmProblem &problem) {
  const CublasLtFunctions &api = *library->api;
  void *made = nullptr;
  if (Status status =
          check(api.cublasLtMatmulDescCreate(&made, ComputeF32, DataF32),
                "cublasLtMatmulDescCreate");
      !status)
    return status;
  multiply = Descriptor(made, api.cublasLtMatmulDescDestroy);
  auto set = [&](int32_t attribute, auto value) {
    return check(api.cublasLtMatmulDescSetAttribute(made, attribute, &value,
                                                    sizeof value),
                 "cublasLtMatmulDescSetAttribute");
  };
  // The heuristic looks at the scale pointers too.
  for (const Status &status : {set(TransposeA, int32_t(Transposed)),
                               set(ScaleModeA, int32_t(ScaleVec16Ue4m3)),
                               set(ScaleModeB, int32_t(ScaleVec16Ue4m3)),
                               set(ScalePointerA, args.b_scales.pointer),
                               set(ScalePointerB, args.a_scales.pointer)})
    if (!status)
      return status;
  auto layout = [&](Descriptor &to, int32_t type, int64_t rows, int64_t columns,
                    int64_t leading) {
    void *one = nullptr;
    int code =
        api.cublasLtMatrixLayoutCreate(&one, type, static_cast<uint64_t>(rows),
                                       static_cast<uint64_t>(columns), leading);
    to = Descriptor(one, code ? nothing : api.cublasLtMatrixLayoutDestroy);
    return check(code, "cublasLtMatrixLayoutCreate");
  };
  for (const Status &status :
       {layout(a, DataE2m1, problem.k, problem.n, problem.k),
        layout(b, DataE2m1, problem.k, args.m, problem.k),
        layout(d, DataBf16, problem.n, args.m, problem.n)})
    if (!status)
      return status;
  return Status::ok();
}

Status CublasMatmul::choose() {
  const CublasLtFunctions &api = *library->api;
  void *made = nullptr;
  if (Status status = check(api.cublasLtMatmulPreferenceCreate(&made),
                            "cublasLtMatmulPreferenceCreate");
      !status)
    return status;
  Descriptor preference(made, api.cublasLtMatmulPreferenceDestroy);
  if (Status status = check(
          api.cublasLtMatmulPreferenceSetAttribute(
              made, MaxWorkspaceBytes, &workspaceBytes, sizeof workspaceBytes),
          "cublasLtMatmulPreferenceSetAttribute");
      !status)
    return status;
  HeuristicResult best = {};
  int count = 0;
  int code = api.cublasLtMatmulAlgoGetHeuristic(
      library->handle, multiply.get(), a.get(), b.get(), d.get(), d.get(),
      preference.get(), 1, &best, &count);
  if (code != 0 || count == 0 || best.state != 0)
    return Status::refused(
        fmt::format("{} names no algorithm (cublasLtMatmulAlgoGetHeuristic: "
                    "cublasStatus_t {}, {} results)",
                    library->text, code ? code : best.state, count));
  std::copy(std::begin(best.algorithm), std::end(best.algorithm), algorithm);
  return Status::ok();
}

Status CublasMatmul::launch(const driver::Stream &stream) const {
  driver::ContextScope scope(*library->device);
  if (Status status = scope.status(); !status)
    return status;
  float alpha = args.alpha.value, beta = 0;
  void *output = pointer(args.d.pointer);
  return check(library->api->cublasLtMatmul(
                   library->handle, multiply.get(), &alpha,
                   pointer(args.b.pointer), a.get(), pointer(args.a.pointer),
                   b.get(), &beta, output, d.get(), output, d.get(), algorithm,
                   pointer(library->workspace.address()), workspaceBytes,
                   static_cast<CUstream>(stream.handle())),
               "cublasLtMatmul");
}
