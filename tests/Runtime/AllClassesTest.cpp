// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plans with a kernel for each class of M: which one a launch takes, what is
// said of them, and what serves where one is missing.

#include "runtime/Support/Digest.h"
#include "tests/Runtime/ApiFixture.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Runtime/FakeProvider.h"
#include "tests/Runtime/RecordingDriver.h"
#include "tests/Tools/Folder.h"
#include <set>
#include <sys/stat.h>

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=24 k=64 sfa=128x4 sfb=8x4 d=f32";
/// As the fake makes them with "rows".
constexpr unsigned threadsOfAny = 32, threadsOf16 = 80, threadsOf32 = 96,
                   threadsOf64 = 128, threadsOf128 = 192;

class AllClassesTest : public ApiTest {
protected:
  void SetUp() override {
    state = restartRecording(NYBL_TEST_RECORDING_DRIVER);
    ASSERT_TRUE(state);
    compilations =
        symbolOf<CompilationsEntry>(NYBL_TEST_FAKE_JIT, "nyblTestCompilations");
    ASSERT_TRUE(compilations);
    options.all_classes = 1;
    options.schedule = "rows";
    ASSERT_NO_FATAL_FAILURE(open(NYBL_TEST_RECORDING_DRIVER));
  }
  static nybl_gemm_args argsOf(int64_t m) {
    return argumentsFor(*parseProblem(line), m);
  }
  /// Threads of the kernel that a launch takes.
  unsigned launched(const PlanOwner &plan, int64_t m) {
    nybl_gemm_args args = argsOf(m);
    EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_OK) << nybl_last_error();
    return state->last.block[0];
  }
  static nybl_plan_details infoOf(const PlanOwner &plan) {
    auto details = face::sized<nybl_plan_details>();
    EXPECT_EQ(nybl_plan_info(plan.get(), &details), NYBL_OK);
    return details;
  }
  static nybl_plan_details infoOf(const PlanOwner &plan, int64_t m) {
    auto details = face::sized<nybl_plan_details>();
    EXPECT_EQ(nybl_plan_class_info(plan.get(), m, &details), NYBL_OK)
        << nybl_last_error();
    return details;
  }
  std::vector<std::string> warnings() const {
    std::vector<std::string> texts;
    for (const auto &[level, message] : logged)
      if (level == NYBL_LOG_WARNING)
        texts.push_back(message);
    return texts;
  }

  nybl_prepare_options options = face::sized<nybl_prepare_options>();
  RecordingState *state = nullptr;
  CompilationsEntry *compilations = nullptr;
};

TEST_F(AllClassesTest, ALaunchTakesTheKernelOfItsRows) {
  int before = compilations();
  PlanOwner plan = prepared(line, options);
  EXPECT_EQ(compilations(), before + 5);
  for (auto [m, threads] : {std::pair(int64_t(1), threadsOf16),
                            {16, threadsOf16},
                            {17, threadsOf32},
                            {32, threadsOf32},
                            {33, threadsOf64},
                            {64, threadsOf64},
                            {65, threadsOf128},
                            {128, threadsOf128},
                            {129, threadsOfAny},
                            {5000, threadsOfAny}})
    EXPECT_EQ(launched(plan, m), threads) << m;
  uint64_t launches = state->last.launches;
  nybl_gemm_args none = argsOf(1);
  none.m = 0;
  EXPECT_EQ(nybl_launch(plan.get(), &none), NYBL_OK);
  none.m = -1;
  EXPECT_EQ(nybl_launch(plan.get(), &none), NYBL_REFUSED);
  EXPECT_TRUE(says("m: expected at least 0 rows")) << nybl_last_error();
  EXPECT_EQ(state->last.launches, launches);
}

TEST_F(AllClassesTest, OneKernelIsTheDefault) {
  int before = compilations();
  options.all_classes = 0;
  PlanOwner plan = prepared(line, options);
  EXPECT_EQ(compilations(), before + 1);
  EXPECT_EQ(launched(plan, 1), threadsOfAny);
  EXPECT_EQ(infoOf(plan).kernels, 1u);
  EXPECT_EQ(infoOf(plan, 1).m_max, INT64_MAX);
  EXPECT_STREQ(infoOf(plan, 1).fingerprint, infoOf(plan).fingerprint);
}

TEST_F(AllClassesTest, OnlyClassesWithinTheRange) {
  int before = compilations();
  PlanOwner plan =
      prepared("gemm m=20..100 n=24 k=64 sfa=128x4 sfb=8x4 d=f32", options);
  EXPECT_EQ(compilations(), before + 3);
  EXPECT_EQ(launched(plan, 20), threadsOf32);
  EXPECT_EQ(launched(plan, 100), threadsOf128);
  EXPECT_EQ(infoOf(plan, 70).m_max, 100);
  for (int64_t m : {19, 101}) {
    nybl_gemm_args args = argsOf(m);
    EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_REFUSED);
    EXPECT_TRUE(says("m: expected 20 to 100 rows")) << nybl_last_error();
    auto details = face::sized<nybl_plan_details>();
    EXPECT_EQ(nybl_plan_class_info(plan.get(), m, &details), NYBL_REFUSED);
  }
}

TEST_F(AllClassesTest, KernelsAreSharedWithPlansOfOneClass) {
  PlanOwner all = prepared(line, options);
  int before = compilations();
  options.all_classes = 0;
  PlanOwner few =
      prepared("gemm m=5 n=24 k=64 sfa=128x4 sfb=8x4 d=f32", options);
  EXPECT_EQ(compilations(), before);
  EXPECT_STREQ(infoOf(all, 5).fingerprint, infoOf(few).fingerprint);
  EXPECT_EQ(launched(few, 5), threadsOf16);
}

TEST_F(AllClassesTest, SaysWhatEachKernelIs) {
  PlanOwner plan = prepared(line, options);
  std::string digests;
  std::vector<int64_t> ends;
  std::set<std::string> classes;
  for (int64_t m = 0;; m = ends.back() + 1) {
    nybl_plan_details one = infoOf(plan, m);
    EXPECT_STREQ(one.origin, "compiler");
    EXPECT_NE(std::string(one.manifest_json).find(one.problem_class),
              std::string::npos);
    classes.insert(one.problem_class);
    digests += one.fingerprint;
    ends.push_back(one.m_max);
    if (one.m_max == INT64_MAX)
      break;
  }
  EXPECT_EQ(ends, (std::vector<int64_t>{16, 32, 64, 128, INT64_MAX}));
  EXPECT_EQ(classes.size(), 5u);
  nybl_plan_details whole = infoOf(plan);
  EXPECT_EQ(whole.kernels, 5u);
  EXPECT_STREQ(whole.origin, "compiler");
  EXPECT_EQ(whole.fingerprint, sha256(digests));
  EXPECT_STREQ(whole.problem_class, infoOf(plan, 129).problem_class);
}

TEST_F(AllClassesTest, AMissingClassIsServedByTheNextWiderAndSaidOnce) {
  options.schedule = "rows no16";
  PlanOwner plan = prepared(line, options);
  EXPECT_EQ(launched(plan, 3), threadsOf32);
  EXPECT_EQ(infoOf(plan).kernels, 4u);
  ASSERT_EQ(warnings().size(), 1u);
  EXPECT_NE(warnings()[0].find("sm_120a: m=0..16 are served by the plan's "
                               "kernel for more rows"),
            std::string::npos)
      << warnings()[0];
  EXPECT_NE(warnings()[0].find("the fake is ill"), std::string::npos);

  logged.clear();
  options.schedule = "rows wide";
  plan = prepared(line, options);
  EXPECT_EQ(launched(plan, 3), threadsOfAny);
  ASSERT_EQ(warnings().size(), 1u);
  EXPECT_NE(warnings()[0].find("m=0..16, m=17..32, m=33..64, m=65..128 are"),
            std::string::npos)
      << warnings()[0];
  options.exact_class = 1;
  nybl_plan *none = nullptr;
  EXPECT_EQ(nybl_prepare(device, line, &options, &none), NYBL_ENVIRONMENT);
}

TEST_F(AllClassesTest, ABundleWithOneClassServesAll) {
  Folder folder;
  std::string cache = folder / "cache", ptxas = folder / "ptxas";
  writeText(ptxas, "#!/bin/sh\necho 'Cuda compilation tools, release 13.0, "
                   "V13.0.88'\n");
  chmod(ptxas.c_str(), 0700);
  options.ptxas = ptxas.c_str();
  auto reopen = [&](const char *bundle, const char *jit) {
    ApiTest::TearDown();
    logged.clear();
    open(NYBL_TEST_RECORDING_DRIVER, bundle ? "" : cache.c_str(), bundle, jit);
  };
  reopen(nullptr, NYBL_TEST_FAKE_JIT);
  nybl_prepare_options one = options;
  one.all_classes = 0;
  prepared(line, one);
  auto entries = folder.files("cache");
  ASSERT_EQ(entries.size(), 1u);
  std::string bundle = cache + "/" + entries[0];
  reopen(bundle.c_str(), "/nonexistent/libnybl_jit.so");
  PlanOwner plan = prepared(line, options);
  EXPECT_EQ(launched(plan, 3), threadsOfAny);
  EXPECT_EQ(infoOf(plan, 3).origin, "bundle " + bundle);
  ASSERT_EQ(warnings().size(), 1u) << "not one for each class";
  // Without the widest there is no plan, and the message has the command.
  nybl_plan *none = nullptr;
  EXPECT_EQ(nybl_prepare(device, "gemm m=? n=40 k=64", &options, &none),
            NYBL_NOT_FOUND);
  EXPECT_TRUE(says("gemm m=? n=40")) << nybl_last_error();
}

TEST_F(AllClassesTest, TheWorkspaceNeverShrinksWithTheRows) {
  options.schedule = "rows parts";
  PlanOwner plan = prepared(line, options);
  uint64_t before = 0, bytes = 0;
  for (int64_t m = 0; m < 300; ++m, before = bytes) {
    ASSERT_EQ(nybl_plan_workspace(plan.get(), m, &bytes), NYBL_OK);
    EXPECT_GE(bytes, before) << m;
    EXPECT_EQ(bytes,
              uint64_t(std::min<int64_t>((m + 15) / 16, 8)) * (24 * 64 + 128));
  }
}

TEST_F(AllClassesTest, TheGenericKernelHasOneClass) {
  int before = compilations();
  options.schedule = nullptr;
  options.generic = 1;
  PlanOwner plan = prepared(line, options);
  EXPECT_EQ(compilations(), before + 1);
  EXPECT_EQ(infoOf(plan).kernels, 1u);
  EXPECT_EQ(infoOf(plan, 3).m_max, INT64_MAX);
  EXPECT_EQ(launched(plan, 3), threadsOfAny);
}

TEST_F(AllClassesTest, OptionsThatDoNotGoTogether) {
  options.dump_dir = "/tmp";
  nybl_plan *none = nullptr;
  EXPECT_EQ(nybl_prepare(device, line, &options, &none), NYBL_INVALID);
  EXPECT_TRUE(says("dump_dir: expected null with all_classes"));
  options.all_classes = 2;
  EXPECT_EQ(nybl_prepare(device, line, &options, &none), NYBL_INVALID);
  EXPECT_TRUE(says("all_classes: expected 0 or 1, got 2"));
}

TEST_F(AllClassesTest, NoColumnsNoKernels) {
  PlanOwner plan = prepared("gemm m=? n=0 k=64", options);
  EXPECT_EQ(infoOf(plan).kernels, 0u);
  EXPECT_EQ(infoOf(plan, 3).has_kernel, 0u);
  EXPECT_STREQ(infoOf(plan).fingerprint, "");
}

TEST_F(AllClassesTest, WhyNotSaysWhatKeepsAnyOfThem) {
  auto whyNot = [&](const nybl_gemm_args *args) {
    char text[8192];
    auto reasons = face::sized<nybl_reasons>();
    reasons.text = text;
    reasons.text_bytes = sizeof text;
    EXPECT_EQ(nybl_why_not(device, line, &options, args, &reasons), NYBL_OK);
    return std::string(text);
  };
  nybl_gemm_args args = argsOf(3);
  EXPECT_EQ(whyNot(&args), "");
  args.a.pointer = 0;
  EXPECT_EQ(whyNot(&args).find("NYBL_REFUSED: a.pointer"), 0u);
  options.schedule = "rows no16";
  EXPECT_EQ(whyNot(nullptr), "") << "a wider one serves";
  options.exact_class = 1;
  EXPECT_EQ(whyNot(nullptr), "NYBL_ENVIRONMENT: the fake is ill\n");
  options.schedule = "rows unproven";
  std::string text = whyNot(nullptr);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
}

TEST_F(AllClassesTest, ThreadsPrepareThemToo) {
  int before = compilations();
  const char *problems[] = {line, line};
  nybl_preparation *preparation = nullptr;
  ASSERT_EQ(nybl_prepare_start(device, problems, 2, &options, 2, &preparation),
            NYBL_OK);
  for (size_t i = 0; i < 2; ++i) {
    nybl_plan *plan = nullptr;
    EXPECT_EQ(nybl_prepare_take(preparation, i, &plan), NYBL_OK)
        << nybl_last_error();
    EXPECT_EQ(launched({plan, &nybl_plan_destroy}, 30), threadsOf32);
  }
  nybl_preparation_destroy(preparation);
  EXPECT_EQ(compilations(), before + 5) << "each class once";
}

} // namespace
