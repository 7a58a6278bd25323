// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where kernels come from: the compiler once, then the cache, without the
// compiler; bundles before both.

#include "runtime/Bundle/Bundle.h"
#include "tests/Runtime/ApiFixture.h"
#include "tests/Runtime/Arguments.h"
#include "tests/Runtime/FakeProvider.h"
#include "tests/Runtime/RecordingDriver.h"
#include "tests/Runtime/Symbol.h"
#include "tests/Tools/Folder.h"
#include <cstring>
#include <elf.h>
#include <filesystem>
#include <sys/stat.h>
#include <thread>

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=24 k=64 sfa=128x4 sfb=8x4 d=f32";

constexpr const char *five = "gemm m=5 n=24 k=64 sfa=128x4 sfb=8x4 d=f32";

constexpr const char *nowhere = "/nonexistent/libnybl_jit.so";

/// A ptxas that only says its version.
void writePtxas(const std::string &path, const char *version) {
  writeText(path, std::string("#!/bin/sh\necho 'Cuda compilation tools, "
                              "release 13.0, V") +
                      version + "'\n");
  chmod(path.c_str(), 0700);
}

bool isLoaded(const std::string &file) {
  return contentOf("/proc/self/maps").find(file) != std::string::npos;
}

class OriginTest : public ApiTest {
protected:
  void SetUp() override {
    compilations =
        symbolOf<CompilationsEntry>(NYBL_TEST_FAKE_JIT, "nyblTestCompilations");
    ASSERT_TRUE(compilations);
    writePtxas(ptxas, "13.0.88");
  }
  /// As a process of its own would have it.
  void reopen(const char *bundlePath = nullptr,
              const std::string &jitPath = NYBL_TEST_FAKE_JIT) {
    ApiTest::TearDown();
    logged.clear();
    open(driver, cache.c_str(), bundlePath, jitPath.c_str());
  }
  /// The origin of a plan; the error where there is none.
  std::string originOf(const char *problem, const char *schedule = nullptr,
                       int64_t m = 3, bool exactClass = false,
                       bool generic = false) {
    auto options = face::sized<nybl_prepare_options>();
    options.exact_class = exactClass;
    options.generic = generic;
    options.schedule = schedule;
    options.ptxas = ptxas.c_str();
    nybl_plan *plan = nullptr;
    if (nybl_prepare(device, problem, &options, &plan) != NYBL_OK)
      return nybl_last_error();
    auto details = face::sized<nybl_plan_details>();
    EXPECT_EQ(nybl_plan_info(plan, &details), NYBL_OK);
    phases = details.phases_json;
    problemClass = details.problem_class;
    manifest = details.manifest_json;
    tuned = details.tuned;
    isPtxLoaded = details.ptx_fallback;
    std::string origin = details.origin;
    nybl_gemm_args args = argumentsFor(*parseProblem(problem), m);
    EXPECT_EQ(nybl_launch(plan, &args), NYBL_OK) << nybl_last_error();
    nybl_plan_destroy(plan);
    return origin;
  }
  bool hasLogged(const char *part) const {
    for (const auto &[level, message] : logged)
      if (message.find(part) != message.npos)
        return true;
    return false;
  }
  std::string entry() const {
    auto names = folder.files("cache");
    return names.empty() ? "" : cache + "/" + names.front();
  }
  /// An entry of the cache is a bundle of one kernel.
  Expected<bundle::Kernel> kernelOfEntry() const {
    auto made = bundle::Bundle::read(contentOf(entry()));
    if (!made)
      return made.status();
    return made->kernel(made->rows().front());
  }

  Folder folder;
  std::string cache = folder / "cache", ptxas = folder / "ptxas";
  std::string phases, manifest, problemClass, tuned;
  const char *driver = NYBL_TEST_RECORDING_DRIVER; ///< of CUDA 13.0
  bool isPtxLoaded = false;
  CompilationsEntry *compilations = nullptr;
};

TEST_F(OriginTest, TheSecondProcessNeedsNoCompiler) {
  reopen();
  int before = compilations();
  EXPECT_EQ(originOf(line), "compiler");
  std::string first = manifest;
  EXPECT_EQ(compilations(), before + 1);
  EXPECT_EQ(folder.files("cache").size(), 1u);
  std::string copy = folder / "jit.so";
  std::filesystem::copy_file(NYBL_TEST_FAKE_JIT, copy);
  reopen(nullptr, copy);
  EXPECT_EQ(originOf(line), "cache");
  EXPECT_EQ(manifest, first);
  EXPECT_NE(phases.find("\"phase\": \"cache\""), std::string::npos) << phases;
  EXPECT_NE(phases.find("\"phase\": \"load\""), std::string::npos) << phases;
  EXPECT_FALSE(isLoaded(copy)) << "its note is read, and no more";
  EXPECT_EQ(originOf("gemm m=? n=40 k=64 d=f32"), "compiler");
  EXPECT_TRUE(isLoaded(copy));
  EXPECT_TRUE(logged.size() > 1 && logged.back().first == NYBL_LOG_INFO);
}

TEST_F(OriginTest, ATunedBundleSaysWhyItsKernelWasChosen) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  EXPECT_EQ(tuned, "");
  auto kernel = kernelOfEntry();
  ASSERT_TRUE(kernel) << kernel.message();
  kernel->tuned = "measured, 1.500 us at M = 16 on a GPU";
  writeText(folder / "tuned", *bundle::write({*kernel}));
  reopen((folder / "tuned").c_str());
  EXPECT_EQ(originOf(line), "bundle " + (folder / "tuned"));
  EXPECT_EQ(tuned, kernel->tuned);
}

TEST_F(OriginTest, EachScheduleAndPtxasHasItsOwn) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  EXPECT_EQ(originOf(line, "other"), "compiler");
  writePtxas(ptxas += "2", "13.5.37");
  EXPECT_EQ(originOf(line), "compiler");
  EXPECT_EQ(folder.files("cache").size(), 3u);
  reopen();
  EXPECT_EQ(originOf(line), "cache");
  EXPECT_EQ(originOf(line, "other"), "compiler") << "with the older ptxas only";
}

/// Who asks has it tell, and tells whoever compiles.
TEST_F(OriginTest, PtxasSaysItsVersionOnce) {
  compile = NYBL_COMPILE_CHILD;
  ptxas = folder / "counted";
  writeText(ptxas, "#!/bin/sh\necho asked >> " + (folder / "log") +
                       "\necho 'Cuda compilation tools, release 13.0, "
                       "V13.0.88'\n");
  chmod(ptxas.c_str(), 0700);
  reopen();
  for (const char *problem : {line, "gemm n=40 k=64 d=f32", five}) {
    EXPECT_EQ(originOf(problem, nullptr, 5), "compiler");
    EXPECT_NE(manifest.find("\"13.0.88\""), manifest.npos) << manifest;
  }
  EXPECT_EQ(contentOf(folder / "log"), "asked\n");
}

TEST_F(OriginTest, APtxasThatIsReplacedSaysItsVersionAnew) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  EXPECT_NE(manifest.find("\"13.0.88\""), manifest.npos) << manifest;
  writePtxas(ptxas, "13.5.137");
  EXPECT_EQ(originOf("gemm n=40 k=64 d=f32"), "compiler");
  EXPECT_NE(manifest.find("\"13.5.137\""), manifest.npos) << manifest;
  std::string other = folder / "other"; // as long, under another inode
  writePtxas(other, "13.5.138");
  ASSERT_EQ(rename(other.c_str(), ptxas.c_str()), 0);
  EXPECT_EQ(originOf("gemm n=48 k=64 d=f32"), "compiler");
  EXPECT_NE(manifest.find("\"13.5.138\""), manifest.npos) << manifest;
}

TEST_F(OriginTest, WhatIsDamagedIsCompiledAnew) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  std::string right = contentOf(entry()), wrong = right;
  wrong[wrong.find("ld.param")] ^= 1;
  writeText(entry(), wrong);
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  EXPECT_TRUE(hasLogged("is passed over"));
  EXPECT_TRUE(contentOf(entry()) == right) << "written anew";
  reopen();
  EXPECT_EQ(originOf(line), "cache");
}

TEST_F(OriginTest, WhatAnotherPtxasMadeIsNotKept) {
  reopen();
  EXPECT_EQ(originOf(line, "elsewhere"), "compiler");
  EXPECT_TRUE(hasLogged("it is not kept"));
  EXPECT_EQ(entry(), "");
}

TEST_F(OriginTest, WithoutPtxasNothingIsKept) {
  reopen();
  ptxas = folder / "none";
  EXPECT_EQ(originOf(line), "compiler") << "the fake needs none";
  EXPECT_EQ(entry(), "");
}

TEST_F(OriginTest, WithoutPtxasTheDriverCompilesThePtx) {
  reopen();
  ptxas = "none";
  EXPECT_EQ(originOf(line), "compiler");
  EXPECT_TRUE(isPtxLoaded);
  EXPECT_TRUE(hasLogged("there is no ptxas: the driver compiled the PTX"));
  reopen();
  EXPECT_EQ(originOf(line), "cache");
  EXPECT_TRUE(isPtxLoaded);
  driver = NYBL_TEST_OLDER_DRIVER;
  reopen();
  EXPECT_EQ(originOf(line), "compiler") << "another compiles it";
  ptxas = folder / "ptxas";
  EXPECT_EQ(originOf(line), "compiler") << "now there is one";
  EXPECT_EQ(folder.files("cache").size(), 3u);
}

TEST_F(OriginTest, ACubinOfANewerToolkitIsNotShownToTheDriver) {
  driver = NYBL_TEST_OLDER_DRIVER;
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  EXPECT_TRUE(isPtxLoaded);
  EXPECT_TRUE(hasLogged("the driver is of CUDA 12.8, and the cubin of ptxas "
                        "13.0.88 needs one of 13.0"));
  EXPECT_EQ(
      symbolOf<RecordingStateEntry>(driver, "nyblTestState")()->cubinLoads, 0);
  writePtxas(ptxas += "2", "12.9.86");
  EXPECT_EQ(originOf(line), "compiler");
  EXPECT_FALSE(isPtxLoaded);
}

TEST_F(OriginTest, NoCacheWhereNoneIsWanted) {
  cache = "";
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  EXPECT_EQ(folder.files(), std::vector<std::string>{"ptxas"});
}

TEST_F(OriginTest, ACacheThatCannotBeUsedFailsNobody) {
  writeText(cache, "a file");
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  EXPECT_TRUE(hasLogged("the cache of kernels: "));
}

TEST_F(OriginTest, TwoDevicesCompileOnce) {
  reopen();
  nybl_device *other = nullptr;
  auto options = face::sized<nybl_device_options>();
  options.driver_path = NYBL_TEST_RECORDING_DRIVER;
  ASSERT_EQ(nybl_device_open(library, &options, &other), NYBL_OK);
  int before = compilations();
  auto prepare = face::sized<nybl_prepare_options>();
  prepare.schedule = "slow";
  prepare.ptxas = ptxas.c_str();
  std::vector<nybl_plan *> plans(8);
  std::vector<std::thread> threads;
  for (size_t i = 0; i < plans.size(); ++i)
    threads.emplace_back([&, i] {
      EXPECT_EQ(nybl_prepare(i % 2 ? device : other, line, &prepare, &plans[i]),
                NYBL_OK)
          << nybl_last_error();
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(compilations(), before + 1);
  for (nybl_plan *plan : plans)
    nybl_plan_destroy(plan);
  nybl_device_destroy(other);
}

TEST_F(OriginTest, ABundleNeedsNoCompilerAtAll) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  // An entry of the cache is a bundle of one kernel.
  std::string path = folder / "kernels.nybl";
  ASSERT_EQ(rename(entry().c_str(), path.c_str()), 0);
  reopen(path.c_str(), nowhere);
  EXPECT_EQ(originOf(line), "bundle " + path);
  EXPECT_NE(phases.find("\"phase\": \"bundle\""), std::string::npos) << phases;
  std::string message = originOf("gemm m=? n=40 k=64 d=f32", "kind=plain");
  EXPECT_NE(message.find("no kernel for 'gemm m=? n=40 k=64 "), message.npos)
      << message;
  EXPECT_NE(message.find("on sm_120a, nor on sm_120f, in any bundle, and no "
                         "compiler: looked for '/nonexistent/libnybl_jit.so'"),
            message.npos)
      << message;
  EXPECT_NE(message.find("act=none\" | nybl bundle - --chips sm_120a "
                         "--schedule \"kind=plain\" -o kernels.nybl`"),
            message.npos)
      << message;
}

TEST_F(OriginTest, AFamilysKernelServesWhoHasNoneOfItsOwn) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  auto own = kernelOfEntry();
  ASSERT_TRUE(own) << own.message();
  auto writeFor = [&](const char *chip) {
    bundle::Kernel kernel = *own;
    kernel.request.chip = chip;
    kernel.manifest.replace(kernel.manifest.find("sm_120a"), 7, chip);
    std::string path = folder / chip;
    writeText(path, *bundle::write({kernel}));
    return path;
  };
  std::string family = writeFor("sm_120f"), single = writeFor("sm_120a"),
              other = writeFor("sm_100f");
  reopen(family.c_str());
  EXPECT_EQ(originOf(line), "bundle " + family + ", for sm_120f")
      << "before anything is compiled, or found in the cache";
  EXPECT_NE(manifest.find("sm_120f"), manifest.npos);
  reopen((family + ":" + single).c_str(), nowhere);
  EXPECT_EQ(originOf(line), "bundle " + single) << "in whichever bundle it is";
  cache = "";
  reopen(family.c_str(), nowhere);
  std::string origin = originOf(five, nullptr, 5);
  EXPECT_EQ(origin.find("bundle " + family + ", for sm_120f, for 'gemm m=? n="),
            0u)
      << origin;
  reopen(other.c_str(), nowhere);
  EXPECT_EQ(originOf(line).find("no kernel for"), 0u);
}

TEST_F(OriginTest, AFamilysKernelIsPassedOverByADriverThatIsTooOld) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  auto kernel = kernelOfEntry();
  ASSERT_TRUE(kernel) << kernel.message();
  kernel->request.chip = "sm_120f";
  for (auto [from, to] : {std::pair("sm_120a", "sm_120f"), {"8.7", "8.8"}})
    kernel->manifest.replace(kernel->manifest.find(from), std::strlen(from),
                             to);
  std::string family = folder / "family.nybl";
  writeText(family, *bundle::write({*kernel}));
  driver = NYBL_TEST_OLDER_DRIVER;
  reopen(family.c_str());
  EXPECT_EQ(originOf(line), "cache") << "of the chip's own";
  EXPECT_TRUE(hasLogged("that needs a driver of CUDA 12.9 or later, and this "
                        "one is of CUDA 12.8: it is passed over"));
  EXPECT_EQ(originOf("gemm n=40 k=64 d=f32"), "compiler");
  cache = "";
  reopen(family.c_str(), nowhere);
  for (const char *problem : {line, five}) {
    std::string message = originOf(problem, nullptr, 5);
    EXPECT_EQ(
        message.find("bundle " + family + " has a kernel for 'gemm m=? n=24"),
        0u)
        << message;
    EXPECT_NE(message.find("needs a driver of CUDA 12.9 or later, and this one "
                           "is of CUDA 12.8: install a newer driver"),
              message.npos)
        << message;
    EXPECT_EQ(message.find("nor on sm_120f") == message.npos, problem == line)
        << message;
  }
  driver = NYBL_TEST_RECORDING_DRIVER;
  reopen(family.c_str(), nowhere);
  EXPECT_EQ(originOf(line), "bundle " + family + ", for sm_120f");
}

TEST_F(OriginTest, AKernelThatWaitsForTheWeightsServesStaticOnes) {
  reopen();
  EXPECT_EQ(originOf(line, nullptr, 3, false, /*generic=*/true), "compiler");
  std::string any = folder / "any.nybl", free = folder / "free.nybl",
              narrow = folder / "narrow.nybl";
  ASSERT_EQ(rename(entry().c_str(), any.c_str()), 0);
  EXPECT_EQ(originOf(line), "compiler");
  ASSERT_EQ(rename(entry().c_str(), free.c_str()), 0);
  EXPECT_EQ(originOf(five, nullptr, 5), "compiler");
  ASSERT_EQ(rename(entry().c_str(), narrow.c_str()), 0);
  cache = "";
  std::string isStatic = std::string(five) + " weights=static";
  auto originWith = [&](const std::string &bundles) {
    reopen(bundles.c_str(), nowhere);
    return originOf(isStatic.c_str(), nullptr, 5);
  };
  std::string origin = originWith(any + ":" + free + ":" + narrow);
  EXPECT_EQ(origin.find("bundle " + narrow + ", for 'gemm m=0..16 n=24"), 0u)
      << origin;
  EXPECT_EQ(origin.find("weights"), origin.npos) << origin;
  EXPECT_TRUE(hasLogged("right but it waits for the weights too"));
  origin = originWith(any + ":" + free);
  EXPECT_EQ(origin.find("bundle " + free + ", for 'gemm m=? n=24"), 0u)
      << origin;
  EXPECT_TRUE(hasLogged("right but not made for so few rows"));
  // The other way round its copies would run ahead of what nobody promised.
  cache = folder / "cache";
  reopen();
  EXPECT_EQ(originOf(isStatic.c_str(), nullptr, 5), "compiler");
  ASSERT_EQ(rename(entry().c_str(), narrow.c_str()), 0);
  cache = "";
  reopen(narrow.c_str(), nowhere);
  EXPECT_EQ(originOf(five, nullptr, 5).find("no kernel for"), 0u);
}

TEST_F(OriginTest, AWiderClassServesWhereThereIsNoCompiler) {
  reopen();
  constexpr const char *thirty =
      "gemm m=0..30 n=24 k=64 sfa=128x4 sfb=8x4 d=f32";
  std::string free = folder / "free.nybl", narrow = folder / "narrow.nybl";
  EXPECT_EQ(originOf(line), "compiler");
  ASSERT_EQ(rename(entry().c_str(), free.c_str()), 0);
  EXPECT_EQ(originOf(thirty), "compiler");
  ASSERT_EQ(rename(entry().c_str(), narrow.c_str()), 0);

  reopen(free.c_str());
  EXPECT_EQ(originOf(five, nullptr, 5), "compiler") << "its own comes first";

  cache = "";
  reopen(free.c_str(), nowhere);
  std::string origin = originOf(five, nullptr, 5);
  EXPECT_EQ(origin.find("bundle " + free + ", for 'gemm m=? n=24"), 0u)
      << origin;
  EXPECT_EQ(problemClass.find("gemm m=? n=24"), 0u) << problemClass;
  ASSERT_TRUE(hasLogged("'gemm m=0..16 n=24"));
  EXPECT_TRUE(hasLogged("is served by the kernel of 'gemm m=? n=24"));
  EXPECT_TRUE(hasLogged("no compiler: looked for '/nonexistent/"));
  // The range of m is that of the line, whatever the kernel could.
  auto plan = prepared(five);
  nybl_gemm_args args = argumentsFor(*parseProblem(line), 6);
  EXPECT_EQ(nybl_launch(plan.get(), &args), NYBL_REFUSED);
  EXPECT_TRUE(says("m: expected 5 to 5 rows")) << nybl_last_error();

  reopen((free + ":" + narrow).c_str(), nowhere);
  origin = originOf(five, nullptr, 5);
  EXPECT_EQ(origin.find("bundle " + narrow + ", for 'gemm m=0..32 n="), 0u)
      << "the narrowest: " << origin;
  EXPECT_NE(originOf(five, "other", 5).find("no kernel for"), origin.npos);
}

TEST_F(OriginTest, AWiderClassServesOnlyUntilItsOwnCanBeHad) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  std::string free = folder / "free.nybl", late = folder / "late.so";
  ASSERT_EQ(rename(entry().c_str(), free.c_str()), 0);
  cache = "";
  reopen(free.c_str(), late);
  for (int i = 0; i < 2; ++i) {
    logged.clear();
    EXPECT_NE(originOf(five, nullptr, 5).find(", for 'gemm m=?"),
              std::string::npos);
    EXPECT_TRUE(hasLogged("is served by the kernel of")) << "each time";
  }
  EXPECT_EQ(originOf(line), "bundle " + free) << "whose own it is";
  std::filesystem::copy_file(NYBL_TEST_FAKE_JIT, late);
  EXPECT_EQ(originOf(five, nullptr, 5), "compiler");
  EXPECT_EQ(problemClass.find("gemm m=0..16 n=24"), 0u) << problemClass;
}

TEST_F(OriginTest, WhoWantsTheExactClassGetsNoWiderOne) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  std::string free = folder / "free.nybl";
  ASSERT_EQ(rename(entry().c_str(), free.c_str()), 0);
  cache = "";
  reopen(free.c_str(), nowhere);
  EXPECT_EQ(originOf(line, nullptr, 3, true), "bundle " + free);
  EXPECT_EQ(originOf(five, nullptr, 5, true).find("no kernel for"), 0u);
  EXPECT_NE(originOf(five, nullptr, 5).find(", for '"), std::string::npos);
  EXPECT_EQ(originOf(five, nullptr, 5, true).find("no kernel for"), 0u)
      << "though another took the wider one";
}

constexpr const char *generic =
    "gemm m=? n=? k=? a=nvfp4 b=nvfp4 sfa=128x4 sfb=8x4 d=f32 alpha=tensor "
    "bias=none act=none";

TEST_F(OriginTest, TheGenericKernelServesWhereThereIsNoneOfItsOwn) {
  reopen();
  EXPECT_EQ(originOf(line, nullptr, 3, false, /*generic=*/true), "compiler");
  EXPECT_EQ(problemClass, generic);
  std::string any = folder / "any.nybl", free = folder / "free.nybl";
  ASSERT_EQ(rename(entry().c_str(), any.c_str()), 0);
  EXPECT_EQ(originOf(line), "compiler");
  ASSERT_EQ(rename(entry().c_str(), free.c_str()), 0);

  reopen(any.c_str());
  EXPECT_EQ(originOf(line), "compiler") << "its own comes first";
  EXPECT_FALSE(hasLogged("is served by"));

  cache = "";
  reopen(any.c_str(), nowhere);
  for (const char *problem :
       {line, "gemm m=5..9 n=40 k=96 sfa=128x4 sfb=8x4 d=f32 weights=static"}) {
    EXPECT_EQ(originOf(problem, nullptr, 5),
              "bundle " + any + ", for '" + generic + "' (generic fallback)");
    EXPECT_EQ(problemClass, generic);
  }
  EXPECT_TRUE(hasLogged(("is served by the kernel of '" + std::string(generic) +
                         "' (bundle " + any +
                         "), the generic one of any n and k, right but slow")
                            .c_str()));
  EXPECT_EQ(logged.back().first, NYBL_LOG_WARNING);

  reopen((any + ":" + free).c_str(), nowhere);
  EXPECT_EQ(originOf(five, nullptr, 5)
                .find("bundle " + free +
                      ", for 'gemm m=?"
                      " n=24"),
            0u)
      << "one that is made for its n and k is better";
  EXPECT_EQ(originOf(line, nullptr, 3, false, /*generic=*/true),
            "bundle " + any);
}

TEST_F(OriginTest, TheGenericKernelServesNobodyElse) {
  reopen();
  EXPECT_EQ(originOf(line, nullptr, 3, false, /*generic=*/true), "compiler");
  std::string any = folder / "any.nybl";
  ASSERT_EQ(rename(entry().c_str(), any.c_str()), 0);
  cache = "";
  reopen(any.c_str(), nowhere);
  for (const char *other : {"gemm n=24 k=64 sfa=linear sfb=8x4 d=f32",
                            "gemm n=24 k=64 sfa=128x4 sfb=8x4 d=bf16",
                            "gemm n=2000 k=64 sfa=128x4 sfb=8x4 d=f32"})
    EXPECT_EQ(originOf(other).find("no kernel for"), 0u) << other;
  EXPECT_TRUE(hasLogged("expected n of at most 1000, got 2000"));
  EXPECT_EQ(originOf(line, "other").find("no kernel for"), 0u);
  EXPECT_EQ(originOf(line, nullptr, 3, true).find("no kernel for"), 0u);
  EXPECT_EQ(originOf(generic).find("'" + std::string(generic) +
                                   "': expected numbers for n and k"),
            0u);
}

TEST_F(OriginTest, ACompilerThatAnswersWronglyIsAnError) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  auto kernel = kernelOfEntry();
  ASSERT_TRUE(kernel) << kernel.message();
  kernel->request.schedule = "chip"; // which the fake takes for another chip
  std::string free = folder / "free.nybl";
  writeText(free, *bundle::write({*kernel}));
  reopen(free.c_str());
  std::string message = originOf(five, "chip", 5);
  EXPECT_NE(message.find("but the compiler made one for"), message.npos)
      << message;
}

TEST_F(OriginTest, AWiderClassServesWhereTheCompilerAborts) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  auto kernel = kernelOfEntry();
  ASSERT_TRUE(kernel) << kernel.message();
  kernel->request.schedule = "abort"; // which the fake does
  std::string free = folder / "free.nybl";
  writeText(free, *bundle::write({*kernel}));
  compile = NYBL_COMPILE_CHILD;
  reopen(free.c_str());
  std::string origin = originOf(five, "abort", 5);
  EXPECT_EQ(origin.find("bundle " + free + ", for 'gemm m=? n=24"), 0u)
      << origin;
  EXPECT_TRUE(hasLogged("is served by the kernel of"));
  EXPECT_TRUE(hasLogged("was ended by signal 6 (Aborted)"));
}

TEST_F(OriginTest, AWiderClassServesWhereTheCompilerCannotBeLoaded) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  // With the fake's note, and for a machine that there is not.
  std::string broken = folder / "jit.so", bytes = contentOf(NYBL_TEST_FAKE_JIT);
  bytes[offsetof(Elf64_Ehdr, e_machine)] = '\x01';
  writeText(broken, bytes);
  reopen(nullptr, broken);
  std::string origin = originOf(five, nullptr, 5);
  EXPECT_EQ(origin.find("cache, for 'gemm m=? n=24"), 0u) << origin;
  EXPECT_TRUE(hasLogged("cannot be loaded"));
}

TEST_F(OriginTest, ABundleInMemoryIsCopied) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  std::string bytes = contentOf(entry());
  ApiTest::TearDown();
  auto options = face::sized<nybl_library_options>();
  options.jit_path = nowhere;
  options.cache_path = "";
  options.bundle_data = bytes.data();
  options.bundle_bytes = bytes.size();
  ASSERT_EQ(nybl_library_create(&options, &library), NYBL_OK)
      << nybl_last_error();
  std::fill(bytes.begin(), bytes.end(), 'x');
  nybl_library *none = nullptr;
  EXPECT_EQ(nybl_library_create(&options, &none), NYBL_INVALID);
  EXPECT_TRUE(says("'in memory': expected a bundle of Nybl"))
      << nybl_last_error();
  auto deviceOptions = face::sized<nybl_device_options>();
  deviceOptions.driver_path = NYBL_TEST_RECORDING_DRIVER;
  ASSERT_EQ(nybl_device_open(library, &deviceOptions, &device), NYBL_OK);
  EXPECT_EQ(originOf(line), "bundle in memory");
}

TEST_F(OriginTest, ADamagedBundleIsAnErrorThatNamesIt) {
  reopen();
  EXPECT_EQ(originOf(line), "compiler");
  std::string path = folder / "kernels.nybl", bytes = contentOf(entry());
  bytes[bytes.find("ld.param")] ^= 1;
  writeText(path, bytes);
  reopen((":" + path + ":").c_str(), nowhere);
  std::string message = originOf(line);
  EXPECT_NE(message.find(path + "': expected a part with the SHA-256 "),
            message.npos)
      << message;
  EXPECT_NE(message.find("make the bundle anew"), message.npos);
  bytes[bytes.find("\"version\"")] ^= 1;
  writeText(path, bytes);
  for (auto [name, status] :
       {std::pair(path, NYBL_INVALID), {folder / "none", NYBL_ENVIRONMENT}}) {
    auto options = face::sized<nybl_library_options>();
    options.bundle_path = name.c_str();
    nybl_library *none = nullptr;
    EXPECT_EQ(nybl_library_create(&options, &none), status);
    EXPECT_EQ(none, nullptr);
    EXPECT_TRUE(says(name.c_str())) << nybl_last_error();
  }
}

TEST_F(OriginTest, AnOlderLibraryStructIsTaken) {
  struct {
    size_t size;
    const char *jitPath;
    nybl_log_callback log;
    void *user;
  } older = {sizeof older, NYBL_TEST_FAKE_JIT, nullptr, nullptr};
  nybl_library *made = nullptr;
  EXPECT_EQ(nybl_library_create(
                reinterpret_cast<nybl_library_options *>(&older), &made),
            NYBL_OK)
      << nybl_last_error();
  nybl_library_destroy(made);
}

} // namespace
