// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bundles: what goes in comes out, in any order the same bytes, and no byte can
// be changed without somebody saying so.

#include "runtime/Bundle/Bundle.h"
#include "runtime/Support/Digest.h"
#include "runtime/Support/OffloadBinary.h"
#include "tests/Bundle/Kernels.h"
#include "tests/Tools/Folder.h"
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::bundle;
using namespace nybl::tests;

namespace {

std::string written(std::vector<Kernel> kernels) {
  auto bytes = write(std::move(kernels));
  EXPECT_TRUE(bytes) << bytes.message();
  return bytes ? *bytes : "";
}

void expectRefused(const std::string &bytes, const char *part) {
  auto bundle = Bundle::read(bytes);
  ASSERT_FALSE(bundle) << part;
  EXPECT_EQ(bundle.status().code(), ErrorCode::Invalid);
  EXPECT_NE(bundle.message().find(part), std::string::npos) << bundle.message();
}

TEST(Bundle, WhatGoesInComesOut) {
  std::vector<Kernel> kernels = {kernelOf(8), kernelOf(24),
                                 kernelOf(8, "sm_121a")};
  kernels[1].request.schedule = "kind=plain";
  kernels[2].tuned = "measured, 1.500 us at M = 16";
  std::string bytes = written(kernels);
  auto bundle = Bundle::read(bytes);
  ASSERT_TRUE(bundle) << bundle.message();
  EXPECT_EQ(bundle->rows().size(), 3u);
  for (const Kernel &kernel : kernels) {
    const Row *row = bundle->find(kernel.request);
    ASSERT_TRUE(row);
    auto found = bundle->kernel(*row);
    ASSERT_TRUE(found) << found.message();
    EXPECT_TRUE(sameBytes(*found, kernel));
  }
  EXPECT_EQ(written({kernels[2], kernels[0], kernels[1]}), bytes);
  EXPECT_TRUE(Bundle::read(written({}))->rows().empty());
}

TEST(Bundle, IsAskedByProblemChipScheduleAndTemplate) {
  auto bundle = Bundle::read(written({kernelOf(8)}));
  ASSERT_TRUE(bundle) << bundle.message();
  KernelRequest request = kernelOf(8).request;
  request.compiler = "another", request.ptxas = "";
  EXPECT_TRUE(bundle->find(request)) << "whoever made it";
  for (auto field :
       {&KernelRequest::problem, &KernelRequest::chip, &KernelRequest::schedule,
        &KernelRequest::templateDigest}) {
    KernelRequest other = request;
    other.*field += "x";
    EXPECT_FALSE(bundle->find(other));
  }
}

TEST(Bundle, PartsThatAreEqualAreStoredOnce) {
  Kernel one = kernelOf(8), two = kernelOf(24);
  two.cubin = one.cubin, two.ptx = one.ptx;
  auto images = readOffloadImages(written({one, two}));
  // The code is read by nobody here: bytes live as long as the statement.
  ASSERT_TRUE(images);
  EXPECT_EQ(images->size(), 5u) << "a table, two manifests, PTX and cubin";
}

TEST(Bundle, TwoOfOneRequestAreRefused) {
  Kernel one = kernelOf(8), two = kernelOf(8);
  two.request.compiler = "another";
  auto bytes = write({one, two});
  ASSERT_FALSE(bytes);
  EXPECT_NE(bytes.message().find("expected one kernel for 'gemm m=? n=8"),
            std::string::npos);
  one.request.schedule = "two\nlines";
  EXPECT_FALSE(write({one}));
}

TEST(Bundle, WhatIsNoBundle) {
  expectRefused("", "the first offload binary is not its table");
  expectRefused("PK\3\4", "expected a bundle of Nybl");
  std::string bytes = written({kernelOf(8)});
  expectRefused(bytes.substr(0, bytes.size() - 8), "expected a bundle of Nybl");
  expectRefused(bytes + bytes, "it has two tables");
  std::string other;
  append({ImageKind::Cubin, {{"arch", "sm_120a"}}, "bytes"}, other);
  expectRefused(other, "the first offload binary is not its table");
}

/// A bundle with that table and no parts.
std::string withTable(const std::string &table, const std::string &digest) {
  std::string bytes;
  append({ImageKind::None, {{"content", "table"}, {"sha256", digest}}, table},
         bytes);
  return bytes;
}

/// The digest that the reader asks for, from its own words.
std::string withRightTable(std::string table) {
  Kernel kernel = kernelOf(1);
  kernel.manifest = std::move(table);
  auto bundle = Bundle::read(written({kernel}));
  return withTable(kernel.manifest, bundle->rows()[0].manifest);
}

TEST(Bundle, TheTableIsReadStrictly) {
  expectRefused(withTable("{}", std::string(64, '0')),
                "does not have the SHA-256 that it states");
  expectRefused(withRightTable("{]"), "expected a JSON object");
  expectRefused(withRightTable("[]"), "expected a JSON object");
  expectRefused(withRightTable(R"({"version": 2, "kernels": []})"),
                "expected version 1, got 2");
  expectRefused(withRightTable(R"({"version": 1, "kernels": [{}]})"),
                "kernel 0: expected 9 fields");
  std::string row =
      R"({"version": 1, "kernels": [{"problem": "p", "chip": "c",
      "schedule": "", "template": "", "compiler": "", "ptxas": "",
      "manifest": "1", "ptx": "2", "cubin": "3"}]})";
  expectRefused(withRightTable(row), "expected a SHA-256, got '1'");
  row.replace(row.find("\"ptxas\": \"\""), 11, "\"ptxas\": 1");
  expectRefused(withRightTable(row), "expected a text 'ptxas'");
  for (const char *tuned : {"1", "\"\""}) {
    std::string other = row;
    other.insert(other.find("\"chip\""),
                 "\"tuned\": " + std::string(tuned) + ", ");
    expectRefused(withRightTable(other), "expected a text 'tuned'");
  }
}

/// For every byte: either nothing of it can be read, or all that can be read is
/// what was written.
TEST(Bundle, NoByteCanBeChangedUnnoticed) {
  std::vector<Kernel> kernels = {kernelOf(8), kernelOf(24)};
  std::string right = written(kernels);
  size_t refusedWhole = 0, refusedPart = 0, harmless = 0;
  for (size_t at = 0; at < right.size(); ++at) {
    std::string bytes = right;
    bytes[at] = char(bytes[at] ^ 0x11);
    auto bundle = Bundle::read(bytes);
    if (!bundle) {
      ++refusedWhole;
      continue;
    }
    bool allGood = true;
    for (const Kernel &kernel : kernels) {
      const Row *row = bundle->find(kernel.request);
      ASSERT_TRUE(row) << at;
      auto found = bundle->kernel(*row);
      allGood &= bool(found);
      if (found) {
        ASSERT_TRUE(sameBytes(*found, kernel)) << at;
      }
    }
    ++(allGood ? harmless : refusedPart);
  }
  EXPECT_GT(refusedWhole, 500u);
  EXPECT_GT(refusedPart, 50u);
  EXPECT_GT(harmless, 0u) << "padding and words that nobody reads";
}

#ifdef NYBL_TEST_OFFLOAD_BINARY
TEST(Bundle, LlvmsOwnToolTakesItApart) {
  Folder folder;
  Kernel one = kernelOf(8), two = kernelOf(8, "sm_121a");
  writeText(folder / "kernels.nybl", written({one, two}));
  std::string command =
      std::string(NYBL_TEST_OFFLOAD_BINARY) + " " + (folder / "kernels.nybl");
  for (const Kernel *kernel : {&one, &two}) {
    std::string out = folder / kernel->request.chip;
    ASSERT_EQ(std::system((command + " --image=file=" + out +
                           ",content=cubin,arch=" + kernel->request.chip)
                              .c_str()),
              0);
    EXPECT_EQ(contentOf(out), kernel->cubin);
  }
}
#endif

TEST(Bundle, ATableThatNestsDeeplyIsRefused) {
  constexpr size_t levels = 1000000;
  std::string table = R"({"kernels": [], "version": )" +
                      std::string(levels, '[') + std::string(levels, ']') + "}";
  OffloadImage image;
  image.kind = ImageKind::None;
  image.words = {{"content", "table"}, {"sha256", sha256(table)}};
  image.image = table;
  std::string bytes;
  append(image, bytes);
  auto read = Bundle::read(std::move(bytes));
  ASSERT_FALSE(read);
  EXPECT_NE(read.message().find("the bundle's table: expected a JSON object"),
            std::string::npos)
      << read.message();
}

} // namespace
