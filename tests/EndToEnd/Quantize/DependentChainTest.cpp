// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A producer that lets the next grid go before it has written anything, a
// quantisation and a product, each a dependent of the one before
// (NYBL_LAUNCH_DEPENDENT): the bits of the same launches one after the other.
// And the same with kernels that were robbed of their wait, which must differ.

#include "runtime/Bundle/Bundle.h"
#include "runtime/Driver/Module.h"
#include "runtime/Library/Artefacts.h"
#include "tests/EndToEnd/Quantize/QuantizeRoad.h"
#include "tests/Oracle/Data.h"
#include <atomic>
#include <gtest/gtest.h>
#include <map>

using namespace nybl;
using namespace nybl::road;

namespace {

constexpr int64_t m = 130, n = 24, k = 192;
constexpr const char *quantizeLine = "quantize k=192 x=f32 sf=8x4";

/// Copies `words` words after a while, and says at once that others may begin.
constexpr const char *lateKernel = R"(.version 8.7
.target sm_120a
.address_size 64
.visible .entry late(.param .u64 to, .param .u64 from, .param .u32 words)
{
  .reg .pred %p<3>;
  .reg .b32 %r<6>;
  .reg .b64 %l<6>;
  griddepcontrol.launch_dependents;
  mov.u32 %r1, 500;
SPIN:
  add.s32 %r1, %r1, -1;
  setp.gt.s32 %p1, %r1, 0;
  @%p1 bra SPIN;
  ld.param.u64 %l1, [to];
  ld.param.u64 %l2, [from];
  ld.param.u32 %r2, [words];
  mov.u32 %r3, %tid.x;
COPY:
  setp.ge.u32 %p2, %r3, %r2;
  @%p2 bra DONE;
  mul.wide.u32 %l3, %r3, 4;
  add.u64 %l4, %l2, %l3;
  ld.global.u32 %r4, [%l4];
  add.u64 %l5, %l1, %l3;
  st.global.u32 [%l5], %r4;
  add.u32 %r3, %r3, 128;
  bra COPY;
DONE:
  ret;
}
)";

constexpr const char *wait = "griddepcontrol.wait;",
                     *release = "griddepcontrol.launch_dependents;";

/// What becomes of a kernel's PTX.
using Edit = std::string (*)(std::string);

std::string replaced(std::string text, const std::string &from,
                     const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  for (; at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}
std::string asItIs(std::string ptx) { return ptx; }
std::string withoutWait(std::string ptx) { return replaced(ptx, wait, ""); }
/// As right as before: who is let go waits until all is stored.
std::string releasesFirst(std::string ptx) {
  return replaced(replaced(ptx, release, ""), wait,
                  std::string(wait) + "\n\t" + release);
}

struct Product {
  const char *line, *schedule;
};
std::ostream &operator<<(std::ostream &os, const Product &p) {
  return os << p.line << ", " << p.schedule;
}

/// Holds a stream until all launches are queued.
struct Gate {
  std::atomic<bool> open = false;
  static void CUDA_CB hold(void *gate) {
    while (!static_cast<Gate *>(gate)->open)
      ;
  }
};

/// Compiled once.
Expected<bundle::Kernel> kernelOf(const char *line, const char *schedule) {
  static auto &made = *new std::map<std::string, bundle::Kernel>();
  auto known = made.find(std::string(line) + schedule);
  if (known != made.end())
    return known->second;
  library::Artefacts artefacts(NYBL_BINARY_DIR "/lib/libnybl_jit.so",
                               cache::Settings(), [](auto, const auto &) {});
  library::Wish wish;
  wish.problemClass = print(specialise(*parseAnyProblem(line)));
  wish.chip = "sm_120a";
  wish.schedule = *schedule ? schedule : nullptr;
  auto artefact = artefacts.make(wish);
  if (!artefact)
    return artefact.status();
  artefact->kernel.cubin.clear(); // which would be of the text as it was
  return made[std::string(line) + schedule] = artefact->kernel;
}

/// Plans of kernels whose PTX was changed, by way of a bundle.
class Plans {
public:
  Plans(const Product &product, Edit editQuantize, Edit editProduct) {
    std::vector<bundle::Kernel> kernels;
    for (auto [line, schedule, edit] :
         {std::tuple(quantizeLine, "", editQuantize),
          {product.line, product.schedule, editProduct}}) {
      auto made = kernelOf(line, schedule);
      if (!made) {
        error = made.message();
        return;
      }
      made->ptx = edit(made->ptx);
      kernels.push_back(std::move(*made));
    }
    open(*bundle::write(kernels));
    quantize = prepare(quantizeLine, "");
    gemm = prepare(product.line, product.schedule);
  }
  ~Plans() {
    nybl_plan_destroy(quantize);
    nybl_plan_destroy(gemm);
    nybl_device_destroy(device);
    nybl_library_destroy(library);
  }
  Plans(const Plans &) = delete;
  Plans &operator=(const Plans &) = delete;

  nybl_plan *quantize = nullptr, *gemm = nullptr;
  std::string error;

private:
  void open(const std::string &bytes) {
    nybl_library_options options = {};
    options.size = sizeof options;
    options.jit_path = "/nonexistent";
    options.cache_path = "";
    options.bundle_data = bytes.data();
    options.bundle_bytes = bytes.size();
    nybl_device_options where = {};
    where.size = sizeof where;
    where.driver_path = NYBL_BINARY_DIR "/lib/emu/libcuda.so.1";
    if (nybl_library_create(&options, &library) != NYBL_OK ||
        nybl_device_open(library, &where, &device) != NYBL_OK)
      error = nybl_last_error();
  }
  nybl_plan *prepare(const char *line, const char *schedule) {
    nybl_prepare_options options = {};
    options.size = sizeof options;
    options.schedule = *schedule ? schedule : nullptr;
    nybl_plan *plan = nullptr;
    if (nybl_prepare(device, line, &options, &plan) != NYBL_OK)
      error = nybl_last_error();
    return plan;
  }
  nybl_library *library = nullptr;
  nybl_device *device = nullptr;
};

class DependentChain : public testing::TestWithParam<Product> {
protected:
  void SetUp() override {
    session = Session::get();
    ASSERT_NE(session, nullptr);
    auto loaded =
        driver::Module::load(session->memory, {"", lateKernel}, "late");
    ASSERT_TRUE(loaded) << loaded.message();
    late = *loaded;
    auto made = driver::Stream::create(session->memory);
    ASSERT_TRUE(made) << made.message();
    stream.emplace(std::move(*made));
    makeOperands();
  }
  void TearDown() override { setPolicy(NYBL_EMU_SCHEDULE_EAGER); }

  void setPolicy(int policy) {
    session->extension<decltype(nyblEmuSetSchedule)>("nyblEmuSetSchedule")(
        policy, 11);
  }
  driver::Buffer buffer(const std::vector<uint8_t> &image) {
    driver::Buffer made =
        std::move(*driver::Buffer::allocate(session->memory, image.size()));
    (void)made.upload(0, image.data(), image.size());
    return made;
  }
  driver::Buffer buffer(uint64_t bytes, uint8_t fill) {
    return buffer(std::vector<uint8_t>(bytes, fill));
  }
  void makeOperands() {
    for (driver::Buffer *one : {&x, &from})
      *one = buffer(m * k * 4, 0);
    q = buffer(m * k / 2, 0);
    scales = buffer(byteSize(ScaleLayout::T8x4, m, k / 16), 0);
    auto weights = oracle::randomMatrix(n, k, 9);
    b = buffer(weights.codes);
    factors = buffer(weights.scales);
    d = buffer(m * n * 4, 0);
    workspace = buffer(1 << 16, 0);
    quantize.size = sizeof quantize;
    quantize.m = m;
    quantize.x = {x.address(), x.bytes(), k * 4};
    quantize.q = {q.address(), q.bytes(), k / 2};
    quantize.q_scales = {scales.address(), scales.bytes(), m, NYBL_LAYOUT_8X4,
                         0};
    quantize.global = {NYBL_SCALAR_HOST, NYBL_CONVENTION_ENCODE, 0, 336.0f, 0};
    gemm.size = sizeof gemm;
    gemm.m = m;
    gemm.a = quantize.q;
    gemm.b = {b.address(), b.bytes(), k / 2};
    gemm.b_scales = {factors.address(), factors.bytes(), n, NYBL_LAYOUT_LINEAR,
                     1};
    gemm.d = {d.address(), d.bytes(), n * 4};
    gemm.alpha = {NYBL_SCALAR_HOST, NYBL_CONVENTION_ENCODE, 0, 336.0f, 0};
    gemm.workspace = workspace.address();
    gemm.workspace_bytes = workspace.bytes();
    quantize.stream = gemm.stream = stream->handle();
  }
  /// What the producer will bring; all that comes of it is forgotten.
  void put(uint64_t seed) {
    std::vector<float> values = oracle::normalValues(m, k, seed);
    (void)from.upload(0, values.data(), values.size() * 4);
    for (driver::Buffer *one : {&x, &q, &scales, &d})
      (void)one->fill(0);
  }
  void launchAll(const Plans &plans, uint64_t flags) {
    uint64_t to = x.address(), source = from.address();
    uint32_t words = m * k;
    void *parameters[] = {&to, &source, &words};
    Status status = late->launch({1, 128, 0}, stream->handle(), parameters);
    ASSERT_TRUE(status) << status.message();
    quantize.flags = gemm.flags = flags;
    ASSERT_EQ(nybl_quantize(plans.quantize, &quantize, &gemm.a_scales), NYBL_OK)
        << nybl_last_error();
    ASSERT_EQ(nybl_launch(plans.gemm, &gemm), NYBL_OK) << nybl_last_error();
  }
  std::vector<uint8_t> result() {
    Status status = stream->synchronize();
    EXPECT_TRUE(status) << status.message();
    std::vector<uint8_t> bytes(d.bytes());
    (void)d.download(0, bytes.data(), bytes.size());
    return bytes;
  }
  /// D of a chain that is whole on the stream before its first grid begins.
  std::vector<uint8_t> chain(const Plans &plans, uint64_t flags) {
    Gate gate;
    driver::ContextScope scope(*session->memory);
    EXPECT_EQ(
        session->extension<decltype(cuLaunchHostFunc)>("cuLaunchHostFunc")(
            static_cast<CUstream>(stream->handle()), Gate::hold, &gate),
        CUDA_SUCCESS);
    launchAll(plans, flags);
    gate.open = true;
    return result();
  }
  std::vector<uint8_t> inOrder(const Plans &plans, uint64_t seed) {
    put(seed);
    return chain(plans, 0);
  }
  /// Of dependent launches whose kernels were changed, all in the same order.
  std::vector<uint8_t> eager(Edit editQuantize, Edit editProduct) {
    Plans plans(GetParam(), editQuantize, editProduct);
    EXPECT_EQ(plans.error, "");
    if (!plans.error.empty())
      return {};
    put(5);
    auto bytes = chain(plans, NYBL_LAUNCH_DEPENDENT);
    takeReports(*session);
    return bytes;
  }

  Session *session = nullptr;
  std::shared_ptr<const driver::Module> late;
  std::optional<driver::Stream> stream;
  driver::Buffer x, from, q, scales, b, factors, d, workspace;
  nybl_quantize_args quantize = {};
  nybl_gemm_args gemm = {};
};

TEST_P(DependentChain, IsRightWhoeverBeginsEarly) {
  for (Edit edit : {asItIs, releasesFirst}) {
    Plans plans(GetParam(), edit, asItIs);
    ASSERT_EQ(plans.error, "");
    std::vector<uint8_t> expected = inOrder(plans, 5);
    EXPECT_NE(expected, std::vector<uint8_t>(d.bytes()));
    for (int policy : {NYBL_EMU_SCHEDULE_EAGER, NYBL_EMU_SCHEDULE_LAZY,
                       NYBL_EMU_SCHEDULE_RANDOM, NYBL_EMU_SCHEDULE_ADVERSARY}) {
      setPolicy(policy);
      put(5);
      EXPECT_EQ(chain(plans, NYBL_LAUNCH_DEPENDENT), expected) << policy;
      EXPECT_EQ(takeReports(*session), std::vector<std::string>());
    }
    setPolicy(NYBL_EMU_SCHEDULE_EAGER);
  }
}

TEST_P(DependentChain, AMissingWaitIsCaught) {
  std::vector<uint8_t> expected = eager(releasesFirst, asItIs);
  EXPECT_NE(eager(withoutWait, asItIs), expected) << "of the quantisation";
  EXPECT_NE(eager(releasesFirst, withoutWait), expected) << "of the product";
}

TEST_P(DependentChain, IsReplayedWithOtherInputs) {
  Plans plans(GetParam(), releasesFirst, asItIs);
  ASSERT_EQ(plans.error, "");
  driver::ContextScope scope(*session->memory);
  auto handle = static_cast<CUstream>(stream->handle());
  CUgraph graph = nullptr;
  CUgraphExec exec = nullptr;
  ASSERT_EQ(
      session->extension<decltype(cuStreamBeginCapture)>(
          "cuStreamBeginCapture_v2")(handle, CU_STREAM_CAPTURE_MODE_GLOBAL),
      CUDA_SUCCESS);
  launchAll(plans, NYBL_LAUNCH_DEPENDENT);
  ASSERT_EQ(session->extension<decltype(cuStreamEndCapture)>(
                "cuStreamEndCapture")(handle, &graph),
            CUDA_SUCCESS);
  ASSERT_EQ(session->extension<decltype(cuGraphInstantiateWithFlags)>(
                "cuGraphInstantiateWithFlags")(&exec, graph, 0),
            CUDA_SUCCESS);
  std::vector<uint8_t> before;
  for (uint64_t seed : {5, 6, 7}) {
    std::vector<uint8_t> expected = inOrder(plans, seed);
    EXPECT_NE(expected, before);
    put(seed);
    ASSERT_EQ(session->extension<decltype(cuGraphLaunch)>("cuGraphLaunch")(
                  exec, handle),
              CUDA_SUCCESS);
    EXPECT_EQ(result(), expected) << seed;
    before = expected;
  }
  session->extension<decltype(cuGraphExecDestroy)>("cuGraphExecDestroy")(exec);
  session->extension<decltype(cuGraphDestroy)>("cuGraphDestroy")(graph);
  EXPECT_EQ(takeReports(*session), std::vector<std::string>());
}

constexpr Product products[] = {
    {"gemm n=24 k=192 d=f32 sfa=8x4 sfb=linear", ""},
    {"gemm n=24 k=192 d=f32 sfa=8x4 sfb=linear", "tile=32x32x64 warps=2x1"},
    {"gemm n=24 k=192 d=f32 sfa=8x4 sfb=linear weights=static",
     "kind=cooperative tile=32x32x64 warps=2x2 stages=3 fill=tma"},
    {"gemm n=24 k=192 d=f32 sfa=8x4 sfb=linear",
     "kind=pingpong tile=32x32x64 warps=2x2 stages=2 fill=tma split=3"}};

INSTANTIATE_TEST_SUITE_P(Products, DependentChain, testing::ValuesIn(products));

} // namespace
