// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Same key, same bytes: in other processes (address randomisation is on), with
// a perturbed allocator, from one thread and from several, and from the process
// that compiles for others.

#include "runtime/Library/ChildCompiler.h"
#include "runtime/Support/PtxAs.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <gtest/gtest.h>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace nybl;

namespace {

const NyblKernelProvider *provider() {
  static const NyblKernelProvider *found = [] {
    void *library =
        ::dlopen(NYBL_BINARY_DIR "/lib/libnybl_jit.so", RTLD_NOW | RTLD_LOCAL);
    auto entry = library ? reinterpret_cast<NyblKernelProviderEntry>(
                               ::dlsym(library, NYBL_KERNEL_PROVIDER_SYMBOL))
                         : nullptr;
    return entry ? entry() : nullptr;
  }();
  return found;
}

struct Request {
  const char *problem, *chip;
};

constexpr Request blockScaled = {"gemm n=136 k=464 sfa=8x4 d=f16", "sm_120a"};
/// Where ptxas orders uniform registers by its own addresses.
constexpr Request tensor = {"gemm n=136 k=480 sfa=8x4 d=f16", "sm_100a"};

NyblCompileRequest requestFor(const Request &wanted) {
  NyblCompileRequest request = {};
  request.size = sizeof request;
  request.problem = wanted.problem;
  request.chip = wanted.chip;
  return request;
}

/// Manifest and cubin of one compilation, as one text.
std::string compileOnce(const Request &wanted = blockScaled) {
  NyblCompileRequest request = requestFor(wanted);
  NyblCompileResult result = {};
  result.size = sizeof result;
  provider()->compile(&request, &result);
  std::string text(result.message.data ? result.message.data : "",
                   result.message.size);
  for (NyblBytes part : {result.manifest, result.ptx, result.cubin})
    text.append(part.data ? part.data : "", part.size);
  bool whole = result.code == 0 && result.cubin.size > 0;
  provider()->release_result(&result);
  return whole ? text : "failed: " + text;
}

/// FNV-1a: a child tells its parent what it made.
std::string digest(const std::string &text) {
  uint64_t hash = 1469598103934665603ull;
  for (unsigned char c : text)
    hash = (hash ^ c) * 1099511628211ull;
  return std::to_string(hash) + "-" + std::to_string(text.size());
}

std::string inAnotherProcess(const std::string &environment) {
  char self[4096] = {};
  ssize_t length = ::readlink("/proc/self/exe", self, sizeof self - 1);
  std::string command = environment + " " +
                        std::string(self, static_cast<size_t>(length)) +
                        " --gtest_filter=Determinism.DISABLED_Child "
                        "--gtest_also_run_disabled_tests";
  FILE *pipe = ::popen(command.c_str(), "r");
  std::string output;
  for (char line[512]; std::fgets(line, sizeof line, pipe);)
    if (std::string(line).rfind("digest ", 0) == 0)
      output = std::string(line).substr(7, std::string(line).size() - 8);
  ::pclose(pipe);
  return output;
}

TEST(Determinism, DISABLED_Child) {
  ASSERT_TRUE(provider());
  std::printf("digest %s\n", digest(compileOnce()).c_str());
}

TEST(Determinism, SameBytesInAnyProcess) {
  ASSERT_TRUE(provider());
  std::string text = compileOnce();
  ASSERT_EQ(text.find("failed"), std::string::npos) << text.substr(0, 300);
  std::string here = digest(text);
  EXPECT_EQ(inAnotherProcess("true;"), here);
  EXPECT_EQ(inAnotherProcess("MALLOC_PERTURB_=165 MALLOC_ARENA_MAX=1"), here);
  EXPECT_EQ(
      inAnotherProcess("MALLOC_TOP_PAD_=12345678 MALLOC_MMAP_THRESHOLD_=4096"),
      here);
}

TEST(Determinism, SameBytesFromTheProcessThatCompilesForOthers) {
  library::ChildCompiler child;
  for (int i = 0; i < 2; ++i) {
    bool isStarted = false;
    auto made = child.compile(NYBL_BINARY_DIR "/lib/libnybl_jit.so",
                              requestFor(blockScaled),
                              std::chrono::seconds(300), isStarted);
    ASSERT_TRUE(made) << made.message();
    EXPECT_FALSE(made->cubin.empty());
    EXPECT_TRUE(made->manifest + made->ptx + made->cubin == compileOnce());
  }
}

/// The message where there is no kernel, else the kernel's bytes.
std::string compiledWith(const char *ptxas, const char *version) {
  NyblCompileRequest request = requestFor(blockScaled);
  request.ptxas = ptxas;
  request.ptxas_version = version;
  NyblCompileResult result = {};
  result.size = sizeof result;
  std::string text;
  if (provider()->compile(&request, &result) != 0)
    text = {result.message.data, result.message.size};
  else
    for (const NyblBytes &bytes : {result.manifest, result.ptx, result.cubin})
      text.append(bytes.data, bytes.size);
  provider()->release_result(&result);
  return text;
}

TEST(Determinism, WhoKnowsTheVersionOfPtxasGetsTheSameBytes) {
  ASSERT_TRUE(provider());
  auto ptxas = findPtxAs("", NYBL_BINARY_DIR "/lib/libnybl_jit.so");
  ASSERT_TRUE(ptxas) << ptxas.message();
  const char *path = ptxas->path.c_str();
  EXPECT_TRUE(compiledWith(path, ptxas->version.c_str()) == compileOnce());
  EXPECT_EQ(compiledWith(path, "12.8.61"),
            "expected a cubin of ptxas 12.8.61, as " + ptxas->path +
                " was said to be, but its cubin is of " + ptxas->version +
                ": either it was replaced meanwhile, so ask again, or its "
                "--version is not that of the ptxas it runs, so name that one "
                "itself with NYBL_PTXAS or --ptxas");
  EXPECT_EQ(compiledWith(path, "V13"),
            "expected a version of ptxas, as 13.0.88, got 'V13'");
  EXPECT_EQ(compiledWith(nullptr, "13.0.88"),
            "expected the ptxas that a version is of, got a version alone");
}

/// By some threads at a time, and once more.
std::set<std::string> madeByThreads(const Request &wanted, unsigned count) {
  std::vector<std::string> made(count);
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < count; ++i)
    threads.emplace_back([&, i] { made[i] = compileOnce(wanted); });
  for (std::thread &thread : threads)
    thread.join();
  made.push_back(compileOnce(wanted));
  return {made.begin(), made.end()};
}

TEST(Determinism, SameBytesFromManyThreads) {
  ASSERT_TRUE(provider());
  for (const Request &wanted : {blockScaled, tensor})
    for (unsigned count : {1u, 2u, 5u}) {
      auto made = madeByThreads(wanted, count);
      EXPECT_EQ(made.size(), 1u) << wanted.chip << ", " << count;
      EXPECT_EQ(made.begin()->find("failed"), std::string::npos)
          << made.begin()->substr(0, 300);
    }
}

/// What one call of explain says: its code, and its text or message.
std::string explainOnce(const NyblExplainRequest &request) {
  NyblExplainResult result = {};
  result.size = sizeof result;
  int code = provider()->explain(&request, &result);
  EXPECT_EQ(code, result.code);
  NyblBytes said = code == 0 ? result.json : result.message;
  std::string text = std::to_string(code) + std::string(said.data, said.size);
  provider()->release_explanation(&result);
  EXPECT_EQ(result.owner, nullptr);
  return text;
}

TEST(Explain, TakesWhatTheInterfaceSays) {
  ASSERT_TRUE(provider());
  int64_t m = 77;
  NyblExplainRequest request = {};
  request.size = sizeof request;
  request.problem = "gemm n=136 k=464";
  request.chip = "sm_120a";
  request.card = "rtx-5090";
  request.schedule = "tile=64x64x64";
  request.m = &m;
  std::string said = explainOnce(request);
  for (const char *part : {"0{", "\"m\":77,", "\"name\":\"rtx-5090\"",
                           "tile=64x64x64 warps=2x4", "\"forced\":true"})
    EXPECT_NE(said.find(part), std::string::npos) << part << " in " << said;
  EXPECT_EQ(explainOnce(request), said);
  request.chip = nullptr;
  EXPECT_EQ(explainOnce(request)[0], '1');
  request.chip = "sm_120a";
  request.size = sizeof request - 1;
  EXPECT_EQ(explainOnce(request)[0], '1');
}

} // namespace
