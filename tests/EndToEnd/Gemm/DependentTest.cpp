// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A grid that is launched as a dependent of a kernel (programmatic stream
// serialisation) and so may start when each of its CTAs has allowed it, ahead
// of the stores. It waits, reads D and spoils A.

#include "runtime/Driver/Module.h"
#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

using namespace nybl;

namespace {

/// `wait`: "griddepcontrol.wait;", or nothing.
std::string copier(const std::string &wait) {
  return ".version 8.7\n.target sm_120a\n.address_size 64\n"
         ".visible .entry copier(.param .u64 d, .param .u64 to,\n"
         "  .param .u64 bytes, .param .u64 a, .param .u64 bytesOfA)\n{\n"
         ".reg .pred %p<3>;\n.reg .b16 %rs<2>;\n.reg .b32 %r<2>;\n"
         ".reg .b64 %rd<9>;\n" +
         wait +
         "mov.u32 %r1, %tid.x;\ncvt.u64.u32 %rd4, %r1;\n"
         "ld.param.b64 %rd1, [d];\nld.param.b64 %rd2, [to];\n"
         "ld.param.b64 %rd3, [bytes];\n"
         "copy: setp.ge.u64 %p1, %rd4, %rd3;\n@%p1 bra spoil;\n"
         "add.u64 %rd5, %rd1, %rd4;\nld.global.b8 %rs1, [%rd5];\n"
         "add.u64 %rd5, %rd2, %rd4;\nst.global.b8 [%rd5], %rs1;\n"
         "add.u64 %rd4, %rd4, 32;\nbra copy;\n"
         "spoil: ld.param.b64 %rd6, [a];\nld.param.b64 %rd7, [bytesOfA];\n"
         "cvt.u64.u32 %rd4, %r1;\nmov.b16 %rs1, 119;\n"
         "next: setp.ge.u64 %p2, %rd4, %rd7;\n@%p2 bra end;\n"
         "add.u64 %rd5, %rd6, %rd4;\nst.global.b8 [%rd5], %rs1;\n"
         "add.u64 %rd4, %rd4, 32;\nbra next;\nend: ret;\n}\n";
}

class Dependent : public road::ScheduleTest,
                  public testing::WithParamInterface<const char *> {
protected:
  /// What the dependent grid has read of D.
  std::vector<uint8_t> seen;

  Status launch(const road::Launched &first, const std::string &wait) {
    auto to = driver::Buffer::allocate(session->memory, first.d.bytes());
    if (!to)
      return to.status();
    const driver::Driver &api = session->memory->driver();
    driver::ContextScope scope(*session->memory);
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    std::string ptx = copier(wait);
    if (api.cuModuleLoadDataEx(&module, ptx.c_str(), 0, nullptr, nullptr) ||
        api.cuModuleGetFunction(&function, module, "copier"))
      return Status::environment("the copier cannot be loaded");
    uint64_t d = first.d.address(), dTo = to->address(), a = first.a.address();
    uint64_t bytes = first.d.bytes(), bytesOfA = first.a.bytes();
    void *parameters[] = {&d, &dTo, &bytes, &a, &bytesOfA};
    CUlaunchAttribute attribute = {};
    attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    attribute.value.programmaticStreamSerializationAllowed = 1;
    CUlaunchConfig config = {};
    config.gridDimX = config.gridDimY = config.gridDimZ = 1;
    config.blockDimX = 32;
    config.blockDimY = config.blockDimZ = 1;
    config.hStream = first.stream;
    config.attrs = &attribute;
    config.numAttrs = 1;
    auto *launchEx =
        session->extension<decltype(::cuLaunchKernelEx)>("cuLaunchKernelEx");
    if (launchEx(&config, function, parameters, nullptr) ||
        api.cuStreamSynchronize(first.stream))
      return Status::environment("the copier does not run");
    seen.resize(bytes);
    api.cuModuleUnload(module);
    return to->download(0, seen.data(), bytes);
  }

  /// D as the launch left it; the rows of what was read go to `seen`.
  road::Run run(const std::string &wait, int policy) {
    GemmProblem p = road::problemOf(2, 352);
    auto a = oracle::randomMatrix(130, p.k, 3);
    auto b = oracle::randomMatrix(p.n, p.k, 4);
    road::Options options;
    options.schedule = GetParam();
    options.behind = [&](const road::Launched &first) {
      return launch(first, wait);
    };
    setPolicy(policy, 7);
    road::Run run = road::gemm(*session, p, a, b, options);
    std::vector<uint8_t> rows;
    int64_t rowBytes = p.n * byteWidth(p.d);
    int64_t stride = static_cast<int64_t>(seen.size()) / (a.rows + 1);
    for (int64_t row = 0; row < a.rows && stride; ++row)
      rows.insert(rows.end(), seen.begin() + row * stride,
                  seen.begin() + row * stride + rowBytes);
    seen = rows;
    auto expected =
        oracle::gemm(a, b, options.alpha, p.d, oracle::Model::MmaSim);
    EXPECT_TRUE(expected) << expected.message();
    oracleBytes = expected->bytes;
    return run;
  }

  std::vector<uint8_t> oracleBytes;
};

TEST_P(Dependent, SeesAllOfD) {
  for (int policy : road::allOrders) {
    road::Run first = run("griddepcontrol.wait;\n", policy);
    EXPECT_TRUE(first.ok())
        << first.error << (first.reports.empty() ? "" : first.reports[0]);
    EXPECT_EQ(first.d, oracleBytes) << "policy " << policy;
    EXPECT_EQ(seen, oracleBytes) << "policy " << policy;
  }
}

using DependentOfRoles = Dependent;

/// One that does not wait is ahead of the stores, so the test above can fail.
TEST_P(DependentOfRoles, IsAheadOfTheStoresIfItDoesNotWait) {
  run("", NYBL_EMU_SCHEDULE_EAGER);
  EXPECT_NE(seen, oracleBytes);
}

constexpr const char *roles[] = {
    "kind=cooperative tile=32x32x64 warps=2x2 stages=3",
    "kind=cooperative tile=64x32x64 warps=4x1 fill=tma store=tma",
    "kind=pingpong tile=32x32x64 warps=2x2 stages=3",
    "kind=cooperative tile=32x32x64 warps=2x2 stages=3 scheduler=clc",
    "kind=pingpong tile=64x32x64 warps=4x1 fill=tma store=tma"};

INSTANTIATE_TEST_SUITE_P(
    WithoutRoles, Dependent,
    testing::Values("kind=plain tile=32x32x64 warps=2x2",
                    "kind=multistage tile=32x32x64 warps=2x2"));
INSTANTIATE_TEST_SUITE_P(Roles, Dependent, testing::ValuesIn(roles));
INSTANTIATE_TEST_SUITE_P(Roles, DependentOfRoles, testing::ValuesIn(roles));

} // namespace
